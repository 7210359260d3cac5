"""Configuration space of any function: 256 bytes by ports, 4096 by a window in memory (PCI Express 5.0, 7.2.2).

A register is named by its byte offset, aligned to the width: lower bits do not count. Where nothing answers (no such
function, no such register, a device that was pulled out) reads give all ones, and writes go nowhere.
"""

from __future__ import annotations

from codegen.lang import Hpa, MmioBlock, RegArray, at, fn, mmio, u8, u16, u32, u64
from drivers.pci.address import PciAddress
from drivers.pci.config_ports import ports_read, ports_write
from drivers.pci.windows import PciWindow, window_of

ALL_ONES = 0xFFFF_FFFF
PORTS_END = 256
WINDOW_END = 4096


class FunctionBytes(MmioBlock, size=4096):
    """A function in a window, by width: processors and host bridges pass on aligned accesses of 1, 2 and 4 bytes."""

    cell: RegArray[u8] = at(0, count=4096)


class FunctionWords(MmioBlock, size=4096):
    cell: RegArray[u16] = at(0, count=2048)


class FunctionDwords(MmioBlock, size=4096):
    cell: RegArray[u32] = at(0, count=1024)


@fn
def place_in(window: PciWindow, place: PciAddress) -> Hpa:
    """Where a function's registers lie; its bus is the window's."""
    return window.base + (u64(u32(place) & 0xFFFF) << 12)


@fn(cold=True)
def config_end(place: PciAddress) -> u32:
    """How many bytes of registers can be reached: 0, 256 or 4096."""
    window = window_of(place.segment, place.bus)
    if window is None:
        return u32(0)
    return u32(PORTS_END) if window.by_ports else u32(WINDOW_END)


@fn(cold=True)
def read_width(place: PciAddress, register: u32, width: u32) -> u32:
    """`width` is 1, 2 or 4 bytes."""
    window = window_of(place.segment, place.bus)
    if window is None:
        return u32(ALL_ONES)
    if window.by_ports:
        return ports_read(place, register, width) if register < PORTS_END else u32(ALL_ONES)
    if register >= WINDOW_END:
        return u32(ALL_ONES)
    match width:
        case 1:
            return u32(mmio(FunctionBytes, place_in(window, place)).cell[register].read())
        case 2:
            return u32(mmio(FunctionWords, place_in(window, place)).cell[register >> 1].read())
        case _:
            return mmio(FunctionDwords, place_in(window, place)).cell[register >> 2].read()


@fn(cold=True)
def write_width(place: PciAddress, register: u32, width: u32, value: u32) -> None:
    """The same way back: the low `width` bytes of `value`."""
    window = window_of(place.segment, place.bus)
    if window is None:
        return
    if window.by_ports:
        if register < PORTS_END:
            ports_write(place, register, width, value)
        return
    if register >= WINDOW_END:
        return
    match width:
        case 1:
            mmio(FunctionBytes, place_in(window, place)).cell[register].write(u8.trunc(value))
        case 2:
            mmio(FunctionWords, place_in(window, place)).cell[register >> 1].write(u16.trunc(value))
        case _:
            mmio(FunctionDwords, place_in(window, place)).cell[register >> 2].write(value)


@fn(cold=True)
def pci_read8(place: PciAddress, register: u32) -> u8:
    """A byte."""
    return u8.trunc(read_width(place, register, u32(1)))


@fn(cold=True)
def pci_read16(place: PciAddress, register: u32) -> u16:
    """Two bytes."""
    return u16.trunc(read_width(place, register, u32(2)))


@fn(cold=True)
def pci_read32(place: PciAddress, register: u32) -> u32:
    """Four bytes."""
    return read_width(place, register, u32(4))


@fn(cold=True)
def pci_write8(place: PciAddress, register: u32, value: u8) -> None:
    """A byte."""
    write_width(place, register, u32(1), u32(value))


@fn(cold=True)
def pci_write16(place: PciAddress, register: u32, value: u16) -> None:
    """Two bytes."""
    write_width(place, register, u32(2), u32(value))


@fn(cold=True)
def pci_write32(place: PciAddress, register: u32, value: u32) -> None:
    """Four bytes."""
    write_width(place, register, u32(4), value)
