"""The lists of capabilities (PCI 3.0, 6.7; PCI Express 5.0, 7.6.3). Both are chains of pointers that a device chooses:
they are masked, and followed no longer than a list without loops can be."""

from __future__ import annotations

from codegen.lang import BitStruct, bits, fn, range, u8, u16, u32
from drivers.pci.address import PciAddress
from drivers.pci.config import WINDOW_END, config_end, pci_read16, pci_read32
from drivers.pci.header import CapabilityId

FIRST = 0x40  # behind the header
STEPS_MAX = (256 - FIRST) // 4
EXTENDED_FIRST = 0x100
EXTENDED_STEPS_MAX = (WINDOW_END - EXTENDED_FIRST) // 4
NOBODY = 0xFF  # what a device that is gone answers; no capability's ID


class CapabilityHeader(BitStruct, repr=u16):
    """How each begins."""

    id: u8 = bits(0, 7)
    next: u8 = bits(8, 15)


class ExtendedHeader(BitStruct, repr=u32):
    """The same for those from 100h on."""

    id: u16 = bits(0, 15)
    version: u8 = bits(16, 19)
    next: u16 = bits(20, 31)


class ExpressCapabilities(BitStruct, repr=u16):
    """The word at 2 of CapabilityId.PCI_EXPRESS (PCI Express 5.0, 7.5.3.2)."""

    version: u8 = bits(0, 3)
    port: u8 = bits(4, 7)


PORT_ROOT = 4
PORT_DOWNSTREAM = 6


@fn(cold=True)
def pci_capability(place: PciAddress, first: u8, id: CapabilityId) -> u8:
    """The register of the first capability of this kind, in the list that begins at `first`; 0 when there is none.
    What follows a capability: `pci_capability(place, u8(...next), id)` with the pointer in its header."""
    at = first & ~3
    for _ in range(u32(STEPS_MAX)):
        if at < FIRST:
            break
        header = CapabilityHeader.of(pci_read16(place, u32(at)))
        if header.id == u8(id):
            return at
        if header.id == NOBODY:
            break
        at = header.next & ~3
    return u8(0)


@fn(cold=True)
def pci_extended_capability(place: PciAddress, id: u16) -> u16:
    """The register of the first extended capability with this ID; 0 when there is none, as always by ports."""
    if config_end(place) <= EXTENDED_FIRST:
        return u16(0)
    at = u16(EXTENDED_FIRST)
    for _ in range(u32(EXTENDED_STEPS_MAX)):
        header = pci_read32(place, u32(at))
        if header == 0 or header == 0xFFFF_FFFF:
            break
        if ExtendedHeader.of(header).id == id:
            return at
        at = ExtendedHeader.of(header).next & ~3
        if at < EXTENDED_FIRST:
            break
    return u16(0)
