"""MSI-X of the machine's functions (PCI 3.0, 6.8.2): set up, and vectors masked one by one."""

from __future__ import annotations

from codegen.lang import (
    Hpa,
    HwEnum,
    MmioBlock,
    Reg,
    Span,
    at,
    fn,
    mmio,
    range,
    sizeof,
    span,
    u8,
    u16,
    u32,
    u64,
)
from drivers.interrupt.message import MessageAddress, MessageData
from drivers.pci.config import pci_read16, pci_read32, pci_write16
from drivers.pci.functions import BARS_MAX, BarKind, PciFunction
from drivers.pci.msix import MASKED, MsixCapability, MsixControl, MsixEntry, MsixPlace

CONFIG_END = 256


class MsixRegisters(MmioBlock, size=sizeof(MsixEntry)):
    """A MsixEntry as it is reached in a device: by aligned dwords only."""

    address: Reg[u32] = at(MsixEntry.address.offset)
    address_above: Reg[u32] = at(MsixEntry.address.offset + 4)
    data: Reg[u32] = at(MsixEntry.data.offset)
    control: Reg[u32] = at(MsixEntry.control.offset)


class MsixFault(HwEnum, repr=u8, must_use=True):
    """Why a function's MSI-X cannot be used."""

    ABSENT = 1
    BAD_BAR = 2
    OUTSIDE = 3

    @fn
    def words(self) -> Span:
        """For people."""
        match self:
            case MsixFault.ABSENT:
                return span(b"there is none")
            case MsixFault.BAD_BAR:
                return span(b"its table or its pending bits are in no usable BAR")
            case MsixFault.OUTSIDE:
                return span(b"its table or its pending bits do not fit their BAR")


@fn(cold=True)
def msix_table(function: PciFunction) -> Hpa | MsixFault:
    """Where its `msix_vectors` entries of 16 bytes begin: to be mapped before the rest of this file is used."""
    if function.msix == 0 or u32(function.msix) + sizeof(MsixCapability) > CONFIG_END:
        return MsixFault.ABSENT
    vectors = u64(function.msix_vectors)
    pending = msix_range(function, u32(MsixCapability.pending.offset), (vectors + 63) // 64 * 8)
    if isinstance(pending, MsixFault):
        return pending
    return msix_range(function, u32(MsixCapability.table.offset), vectors * sizeof(MsixEntry))


@fn(cold=True)
def msix_range(function: PciFunction, register: u32, length: u64) -> Hpa | MsixFault:
    """The address of table or pending bits, whose place stands at `register` of the capability."""
    place = MsixPlace.of(pci_read32(function.place, u32(function.msix) + register))
    if place.bar >= BARS_MAX:
        return MsixFault.BAD_BAR
    bar = function.bars[place.bar]
    if bar.kind != BarKind.MEMORY or not bar.is_usable():
        return MsixFault.BAD_BAR
    offset = u64(place.offset) << 3
    if length > bar.size or offset > bar.size - length:
        return MsixFault.OUTSIDE
    return Hpa(bar.address) + offset


@fn(cold=True)
def msix_enable(function: PciFunction, table: Hpa) -> None:
    """Mask every vector, then switch MSI-X on: each sends when it is set. `table` is mapped; a bus master sends."""
    write_control(function, True, True)
    for vector in range(u64(function.msix_vectors)):
        msix_mask(table, vector, True)
    write_control(function, True, False)


@fn(cold=True)
def msix_disable(function: PciFunction) -> None:
    """No message any more. A function without MSI-X is left alone."""
    if function.msix != 0 and MsixControl.of(pci_read16(function.place, control_register(function))).enabled:
        write_control(function, False, False)


@fn(cold=True)
def msix_set(table: Hpa, vector: u64, address: MessageAddress, data: MessageData) -> None:
    """Send this message for vector `vector` (below the function's `msix_vectors`), unmasked."""
    msix_mask(table, vector, True)  # an entry changes only while it is masked (6.8.2.6)
    entry = msix_entry(table, vector)
    entry.address.write(u32(address))
    entry.address_above.write(0)
    entry.data.write(u32(data))
    msix_mask(table, vector, False)


@fn
def msix_mask(table: Hpa, vector: u64, masked: bool) -> None:
    """Hold messages of one vector back (a pending bit keeps them), or no longer. The write has arrived at return."""
    entry = msix_entry(table, vector)
    before = entry.control.read()  # the other bits are reserved: kept
    entry.control.write(before | MASKED if masked else before & ~MASKED)
    entry.control.read()


@fn
def msix_entry(table: Hpa, vector: u64) -> MsixRegisters:
    """Entry `vector`, below the function's `msix_vectors`."""
    return mmio(MsixRegisters, table + vector * sizeof(MsixEntry))


@fn(cold=True)
def control_register(function: PciFunction) -> u32:
    return u32(function.msix) + MsixCapability.control.offset


@fn(cold=True)
def write_control(function: PciFunction, enable: bool, mask_all: bool) -> None:
    """The other bits are read-only or reserved: kept."""
    control = MsixControl.of(pci_read16(function.place, control_register(function)))
    pci_write16(function.place, control_register(function), u16(control.replace(enabled=enable, masked=mask_all)))
