"""The I/O APIC (82093AA datasheet): 24 pins, each with a redirection entry. Messages leave as pins of
`ioapic_requests`."""

from __future__ import annotations

from codegen.lang import Array, Field, Struct, count, fn, range, u32, u64
from drivers.interrupt.ioapic import (
    REGISTER_ARBITRATION,
    REGISTER_ID,
    REGISTER_REDIRECTION,
    REGISTER_VERSION,
    IoApicRegisters,
    Redirection,
)
from drivers.interrupt.lapic import DeliveryMode

PINS = 24
ALL_PINS = (1 << PINS) - 1
VERSION = 0x20 | (PINS - 1) << 16  # with an EOI register
SELECT = IoApicRegisters.select.offset
DATA = IoApicRegisters.data.offset
EOI = IoApicRegisters.eoi.offset
WRITABLE_LOW = 0x1_AFFF
WRITABLE_HIGH = 0xFF00_0000
RESET_ENTRY = 0x1_0000  # masked


class IoApic(Struct):
    """Masks have a bit per pin; `masked`, `level` and `remote` repeat what the entries say."""

    select: Field[u32]
    id: Field[u32]
    lines: Field[u32]  # what the pins see
    edges: Field[u32]  # edges that have not been sent
    masked: Field[u32]
    level: Field[u32]
    remote: Field[u32]  # remote IRR: sent, EOI awaited
    entries: Array[u64] = count(32)  # Redirection without remote IRR; PINS are used


@fn(cold=True)
def ioapic_reset(chip: IoApic) -> None:
    """All pins masked. The lines are outside the chip and keep their levels."""
    lines = chip.lines
    chip.zero()
    chip.lines = lines
    chip.masked = ALL_PINS
    for pin in range(PINS):
        chip.entries[pin] = RESET_ENTRY


@fn(unchecked=True)
def ioapic_set_line(chip: IoApic, pin: u32, asserted: bool) -> None:
    """Drive a pin; a number from 24 on is no pin. An edge at a masked pin is lost (section 3.2.4, interrupt mask)."""
    if pin >= PINS:
        return
    mask = u32(1) << (pin & 31)
    if not asserted:
        chip.lines = chip.lines & ~mask
        return
    chip.edges = chip.edges | mask & ~chip.lines & ~chip.masked & ~chip.level
    chip.lines = chip.lines | mask


@fn
def ioapic_requests(chip: IoApic) -> u32:
    """Pins with a message to send: edges, and levels that wait for no EOI."""
    return (chip.edges | chip.lines & chip.level & ~chip.remote) & ~chip.masked


@fn(unchecked=True)
def ioapic_entry(chip: IoApic, pin: u32) -> Redirection:
    """The redirection entry of `pin`, below 24."""
    return Redirection.of(chip.entries[pin & 31])


@fn(unchecked=True)
def ioapic_sent(chip: IoApic, pin: u32) -> None:
    """The message of `pin` was accepted by a processor: an edge is spent, a level waits for its EOI."""
    mask = u32(1) << (pin & 31)
    chip.edges = chip.edges & ~mask
    chip.remote = chip.remote | mask & chip.level


@fn(unchecked=True)
def ioapic_end_of_interrupt(chip: IoApic, vector: u32) -> None:
    """EOI of `vector`: broadcast by a local APIC or written to the EOI register. A line that is still up asks again."""
    waiting = chip.remote & chip.level
    while waiting != 0:
        pin = waiting.trailing_zeros() & 31
        waiting = waiting & (waiting - 1)
        if chip.entries[pin] & 0xFF == u64(vector):
            chip.remote = chip.remote & ~(u32(1) << pin)


@fn
def ioapic_read(chip: IoApic, offset: u32) -> u32:
    """A register of the window; other offsets read 0."""
    if offset == DATA:
        return read_selected(chip)
    return chip.select if offset == SELECT else u32(0)


@fn
def ioapic_write(chip: IoApic, offset: u32, value: u32) -> None:
    """A register of the window; other offsets ignore writes."""
    if offset == SELECT:
        chip.select = value & 0xFF
    elif offset == DATA:
        write_selected(chip, value)
    elif offset == EOI:
        ioapic_end_of_interrupt(chip, value & 0xFF)


@fn(unchecked=True)
def read_selected(chip: IoApic) -> u32:
    """The register that `select` names; 0 when there is none."""
    number = chip.select
    half = number.wrapping_sub(REGISTER_REDIRECTION)
    if half < 2 * PINS:
        pin = half >> 1 & 31
        entry = chip.entries[pin]
        if half & 1 != 0:
            return u32.trunc(entry >> 32)
        return u32.trunc(entry) | (chip.remote >> pin & 1) << 14
    if number == REGISTER_VERSION:
        return u32(VERSION)
    # The arbitration ID follows the ID (section 3.2.3).
    return chip.id if number == REGISTER_ID or number == REGISTER_ARBITRATION else u32(0)


@fn(unchecked=True)
def write_selected(chip: IoApic, value: u32) -> None:
    """The register that `select` names; read-only ones ignore it."""
    number = chip.select
    half = number.wrapping_sub(REGISTER_REDIRECTION)
    if half < 2 * PINS:
        pin = half >> 1 & 31
        entry = chip.entries[pin]
        if half & 1 != 0:
            chip.entries[pin] = entry & 0xFFFF_FFFF | u64(value & WRITABLE_HIGH) << 32
        else:
            chip.entries[pin] = entry & 0xFFFF_FFFF_0000_0000 | u64(value & WRITABLE_LOW)
            entry_changed(chip, pin)
    elif number == REGISTER_ID:
        chip.id = value & 0x0F00_0000


@fn(unchecked=True)
def entry_changed(chip: IoApic, pin: u32) -> None:
    """Repeat the entry's mask and trigger mode in the masks by pin."""
    entry = ioapic_entry(chip, pin)
    mask = u32(1) << (pin & 31)
    delivery = entry.delivery
    # Only fixed and lowest-priority messages can be level-triggered: no other gets an EOI.
    if entry.level and (delivery == DeliveryMode.FIXED or delivery == DeliveryMode.LOWEST_PRIORITY):
        chip.level = chip.level | mask
        chip.edges = chip.edges & ~mask
    else:
        chip.level = chip.level & ~mask
        # An entry made edge-triggered forgets its remote IRR: Linux relies on it to clear a stuck one.
        chip.remote = chip.remote & ~mask
    if entry.masked:
        chip.masked = chip.masked | mask
        chip.edges = chip.edges & ~mask
    else:
        chip.masked = chip.masked & ~mask
