"""I/O ports of a guest: in constant time from the port to the chip that claimed it."""

from __future__ import annotations

import importlib

from codegen.lang import fn, fn_table, table, u8, u16, u32, u64
from hypervisor.devices.board import Board
from hypervisor.devices.port_claims import CLOCK, port_tables

# The modules that claim ports. A chip joins the machine by its line here.
CHIPS = (
    "pic_ports",
    "pit_ports",
    "rtc_ports",
    "uart_ports",
    "power_ports",
    "pci.ports",
    "keyboard_ports",
    "system_ports",
)

for _chip in CHIPS:
    importlib.import_module(f"hypervisor.devices.{_chip}")

_tables = port_tables()

PAGES = table(u8, _tables.pages)
INDEXES = table(u8, _tables.indexes)
WIDTHS = table(u8, _tables.widths)
CLAIM_MASK = len(_tables.readers) - 1
READERS = fn_table(_tables.readers)
WRITERS = fn_table(_tables.writers)


@fn
def claim_of(port: u32) -> u32:
    """The claim's index; 0 for nobody's."""
    return u32(INDEXES[u32(PAGES[port >> 8 & 0xFF]) << 8 | port & 0xFF]) & CLAIM_MASK


@fn
def claim_wants_clock(claim: u32) -> bool:
    """Whether an access needs the time; for the others any `now` will do."""
    return u32(WIDTHS[claim]) & CLOCK != 0


@fn
def claim_read_byte(claim: u32, board: Board, port: u16, now: u64) -> u32:
    """IN of one byte from a port of this claim; only the low byte of the result counts."""
    return READERS[claim](board, u32(port), u32(1), now)


@fn
def claim_write_byte(claim: u32, board: Board, port: u16, value: u32, now: u64) -> None:
    """OUT of one byte to a port of this claim."""
    WRITERS[claim](board, u32(port), u32(1), value, now)


@fn
def port_read(board: Board, port: u16, width: u32, now: u64) -> u32:
    """IN of `width` 1, 2 or 4 bytes at `now` ns. Only that many low bytes of the result count; an unclaimed port
    reads ones."""
    claim = claim_of(u32(port))
    if width == 1 or u32(WIDTHS[claim]) & width != 0:
        return READERS[claim](board, u32(port), width, now)
    return read_bytes(board, u32(port), width, now)


@fn
def port_write(board: Board, port: u16, width: u32, value: u32, now: u64) -> None:
    """OUT of `width` 1, 2 or 4 bytes at `now` ns; an unclaimed port ignores it."""
    claim = claim_of(u32(port))
    if width == 1 or u32(WIDTHS[claim]) & width != 0:
        WRITERS[claim](board, u32(port), width, value, now)
    else:
        write_bytes(board, u32(port), width, value, now)


@fn(noinline=True)
def read_bytes(board: Board, port: u32, width: u32, now: u64) -> u32:
    """A wide read of byte-wide devices: lowest port first."""
    value = u32(0)
    i = u32(0)
    while i < 4 and i < width:
        address = port.wrapping_add(i) & 0xFFFF
        value = value | (READERS[claim_of(address)](board, address, u32(1), now) & 0xFF) << (i * 8)
        i = i + 1
    return value


@fn(noinline=True)
def write_bytes(board: Board, port: u32, width: u32, value: u32, now: u64) -> None:
    """A wide write to byte-wide devices: lowest port first."""
    i = u32(0)
    while i < 4 and i < width:
        address = port.wrapping_add(i) & 0xFFFF
        WRITERS[claim_of(address)](board, address, u32(1), value >> (i * 8) & 0xFF, now)
        i = i + 1
