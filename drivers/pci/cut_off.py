"""The last means against a device that does not stop: it masters the bus no more, so it does not touch RAM either."""

from __future__ import annotations

from codegen.lang import fn, u16, u32
from drivers.pci.address import PciAddress
from drivers.pci.config import pci_read16, pci_write16
from drivers.pci.header import PciCommand, Type0Header


@fn(cold=True)
def pci_cut_off(place: PciAddress) -> None:
    """For good: what it was doing may be half done. A device that is gone does not mind."""
    register = u32(Type0Header.command.offset)
    command = PciCommand.of(pci_read16(place, register))
    pci_write16(place, register, u16(command.replace(bus_master=False)))
    pci_read16(place, register)  # a read comes after what the function wrote before (PCI 3.0, 3.2.5)
