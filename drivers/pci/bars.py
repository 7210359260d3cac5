"""Base address registers (PCI 3.0, 6.2.5.1): what a function asks for, and where firmware has put it.

A register tells its size when all ones are written. Meanwhile it would answer at another place, so the function
answers nowhere for that time. Not of host and ISA bridges: through them go RAM and the console's ports.
"""

from __future__ import annotations

from codegen.lang import fn, u16, u32, u64
from drivers.pci.address import PciAddress
from drivers.pci.config import ALL_ONES, pci_read16, pci_read32, pci_write16, pci_write32
from drivers.pci.functions import BARS_MAX, BarFault, BarKind, PciBar, PciFunction
from drivers.pci.header import (
    BAR_64_BITS,
    LAYOUT_BRIDGE,
    LAYOUT_DEVICE,
    Bar,
    PciCommand,
    Type0Header,
)

HOST_BRIDGE, ISA_BRIDGE = 0x0600, 0x0601
BRIDGE_BARS = 2
PORTS_END = 1 << 16


@fn(cold=True)
def size_bars(function: PciFunction) -> None:
    """Fill `function.bars`. Nothing is printed in between: the console's screen may be this function's."""
    bars = u32(0)
    if function.layout == LAYOUT_DEVICE:
        bars = u32(BARS_MAX)
    elif function.layout == LAYOUT_BRIDGE:
        bars = u32(BRIDGE_BARS)
    if function.class_code == HOST_BRIDGE or function.class_code == ISA_BRIDGE:
        return
    place = function.place
    command = PciCommand.of(pci_read16(place, u32(Type0Header.command.offset)))
    pci_write16(place, u32(Type0Header.command.offset), u16(command.replace(io=False, memory=False)))
    index = u32(0)
    while index < bars:
        bar = function.bars[index]
        size_bar(bar, place, u32(Type0Header.bars.offset) + 4 * index, index + 1 < bars)
        index += 1
        if bar.wide and index < bars:
            function.bars[index].kind = BarKind.UPPER_HALF
            index += 1
    pci_write16(place, u32(Type0Header.command.offset), u16(command))


@fn(cold=True)
def size_bar(bar: PciBar, place: PciAddress, register: u32, has_next: bool) -> None:
    """One, whose register is at `register`; `has_next`: there is room for an upper half behind it."""
    was = pci_read32(place, register)
    probe = probe_register(place, register, was)
    if probe == 0 or (probe == ALL_ONES and was == ALL_ONES):  # not implemented; the device is gone
        return
    low = Bar.of(probe)
    if low.io:
        bar.kind = BarKind.IO
        judge(bar, u64(was & ~3), u64(probe & ~3))
        if low.kind & 1 != 0 or (bar.fault == BarFault.NONE and bar.address + bar.size > PORTS_END):
            bar.fault = BarFault.ABSURD
        return
    bar.kind = BarKind.MEMORY
    bar.prefetchable = low.prefetchable
    address = u64(was & ~15)
    mask = u64(probe & ~15)
    if low.kind == BAR_64_BITS and has_next:
        bar.wide = True
        was_above = pci_read32(place, register + 4)
        address = address | u64(was_above) << 32
        mask = mask | u64(probe_register(place, register + 4, was_above)) << 32
    judge(bar, address, mask)
    if low.kind > BAR_64_BITS or (low.kind == BAR_64_BITS and not has_next):
        bar.fault = BarFault.ABSURD


@fn(cold=True)
def probe_register(place: PciAddress, register: u32, was: u32) -> u32:
    """What it answers to all ones; then it holds `was` again."""
    pci_write32(place, register, u32(ALL_ONES))
    answer = pci_read32(place, register)
    pci_write32(place, register, was)
    return answer


@fn(cold=True)
def judge(bar: PciBar, address: u64, mask: u64) -> None:
    """`mask` has the bits of the address that can be written: the lowest is the size, and no hole is above it."""
    size = mask & u64(0).wrapping_sub(mask)
    bar.address = address
    bar.size = size
    if size == 0 or mask.wrapping_add(size) & mask != 0 or address & size.wrapping_sub(1) != 0:
        bar.fault = BarFault.ABSURD
        bar.address = 0
        bar.size = 0
    elif address == 0 or address == mask:
        bar.fault = BarFault.UNASSIGNED
