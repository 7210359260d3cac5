"""The two ways into the model: the ports, which want their lock held, and a window of memory."""

from __future__ import annotations

import struct

from codegen.lang import Hpa, host
from tests.drivers.test_acpi import put_tables, table
from tests.pci.machine import Host

WINDOW = 0xB000_0000
LOCK_PORT = 0x80


class Lock:
    """Where tests/pci/contracts.py says who has the ports."""

    def __init__(self) -> None:
        self.held = False
        host.bus.map_ports(LOCK_PORT, 1, self)

    def read(self, offset: int, width: int, /) -> int:
        raise AssertionError("nobody asks")

    def write(self, offset: int, width: int, value: int, /) -> None:
        assert self.held != bool(value), "taken twice, or given back twice"
        self.held = bool(value)


class Ports:
    """CF8h to CFFh."""

    def __init__(self, machine: Host) -> None:
        self.machine = machine
        self.address = 0
        self.lock = Lock()
        host.bus.map_ports(0xCF8, 8, self)

    def read(self, offset: int, width: int, /) -> int:
        assert self.lock.held
        if offset < 4:
            assert (offset, width) == (0, 4)
            return self.address
        register = self.register(offset, width)
        found = self.machine.find(*self.place)
        return (1 << 8 * width) - 1 if found is None or register is None else found.read(register, width)

    def write(self, offset: int, width: int, value: int, /) -> None:
        assert self.lock.held
        if offset < 4:
            assert (offset, width) == (0, 4)
            self.address = value & 0x80FF_FFFC
            return
        register = self.register(offset, width)
        found = self.machine.find(*self.place)
        if found is not None and register is not None:
            found.write(register, width, value)

    @property
    def place(self) -> tuple[int, int, int]:
        return self.address >> 16 & 0xFF, self.address >> 11 & 31, self.address >> 8 & 7

    def register(self, offset: int, width: int) -> int | None:
        lane = offset - 4
        assert width in (1, 2, 4) and lane % width == 0
        return (self.address & 0xFC) + lane if self.address >> 31 else None


class Window:
    """Configuration space in memory, of `buses` buses from `first` on."""

    def __init__(self, machine: Host, base: int = WINDOW, first: int = 0, buses: int = 256) -> None:
        self.machine = machine
        self.first = first
        host.bus.map_mmio(Hpa(base + (first << 20)), buses << 20, self)

    def read(self, offset: int, width: int, /) -> int:
        assert width in (1, 2, 4) and offset % width == 0
        found = self.machine.find(*self.place(offset))
        return (1 << 8 * width) - 1 if found is None else found.read(offset & 4095, width)

    def write(self, offset: int, width: int, value: int, /) -> None:
        assert width in (1, 2, 4) and offset % width == 0
        found = self.machine.find(*self.place(offset))
        if found is not None:
            found.write(offset & 4095, width, value)

    def place(self, offset: int) -> tuple[int, int, int]:
        return (offset >> 20) + self.first, offset >> 15 & 31, offset >> 12 & 7


Entry = tuple[int, int, int, int]  # base of bus 0, segment, first and last bus


def put_mcfg(*entries: Entry, cut: int = 0) -> None:
    """The table, less `cut` bytes at its end."""
    body = bytes(8) + b"".join(struct.pack("<QHBB4x", *entry) for entry in entries)
    put_tables([table(b"MCFG", body[: len(body) - cut])], True)
