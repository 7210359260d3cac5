"""A PC whose address line 20 is off: the BIOS call, port 92h and keyboard controller that may switch it on, or not."""

from __future__ import annotations

import ctypes
import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from boot.bios.firmware import enter_bios
from boot.bios.real_mode import BiosRegisters
from codegen.lang import Hpa, bind, host, u32

MIB = 1 << 20
PAGE = 4096
MAP_FIXED = 0x10
SET_BY_BIOS, BUSY_READS = 0x2401, 3

libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]


@dataclass
class OldPc:
    """`working` are the ways in which line 20 can be switched on: "bios", "port 92h", "keyboard controller".

    `tried` are the ways that were used, in order. While the line is off, page 0 shows at 1 MiB too.
    """

    working: frozenset[str]
    tried: list[str] = field(default_factory=list)
    on: bool = False
    was_reset: bool = False

    def switch(self, way: str) -> None:
        if self.tried[-1:] != [way]:
            self.tried.append(way)
        if way in self.working and not self.on:
            self.on = True
            place(MIB, -1)

    def interrupt(self, number: u32, registers: BiosRegisters) -> None:
        if number == 0x15 and registers.eax == SET_BY_BIOS:
            self.switch("bios")


@dataclass
class Port92:
    """System control port A: bit 0 resets the machine, bit 1 is line 20."""

    pc: OldPc
    value: int = 0x24

    def read(self, offset: int, width: int) -> int:
        return self.value

    def write(self, offset: int, width: int, value: int) -> None:
        self.value = value
        self.pc.was_reset |= bool(value & 1)
        if value & 2:
            self.pc.switch("port 92h")


@dataclass
class Controller:
    """An 8042 that loses what comes while its input buffer is full, and stays busy for some readings."""

    pc: OldPc
    busy: int = 0
    command: int = 0

    def read(self, offset: int, width: int) -> int:
        if offset != 4:
            return 0
        self.busy = max(self.busy - 1, 0)
        return 0x14 | (2 if self.busy else 0)

    def write(self, offset: int, width: int, value: int) -> None:
        if self.busy:
            return
        self.busy = BUSY_READS
        if offset == 4:
            self.command = value
        elif self.command == 0xD1:
            self.pc.was_reset |= not value & 1
            if value & 2:
                self.pc.switch("keyboard controller")


def place(offset: int, file: int) -> None:
    """One page of RAM: of `file`, which several places may show, or of its own (-1)."""
    flags = MAP_FIXED | (mmap.MAP_SHARED if file >= 0 else mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    address = host.memory.address(Hpa(offset), PAGE)
    assert libc.mmap(address, PAGE, mmap.PROT_READ | mmap.PROT_WRITE, flags, file, 0) == address


@contextmanager
def old_pc(*working: str) -> Iterator[OldPc]:
    """The machine, as the host's memory, ports and BIOS."""
    host.reset()
    pc = OldPc(frozenset(working))
    file = os.memfd_create("page 0")
    os.ftruncate(file, PAGE)
    host.bus.map_ports(0x92, 1, Port92(pc))
    host.bus.map_ports(0x60, 5, Controller(pc))
    bind(enter_bios, pc.interrupt)
    for offset in (0, MIB):
        place(offset, file)
    try:
        yield pc
    finally:
        bind(enter_bios, None)
        for offset in (0, MIB):
            place(offset, -1)
        os.close(file)
        host.reset()
