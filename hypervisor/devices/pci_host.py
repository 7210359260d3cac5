"""A PCI bus with its host bridge (PCI 3.0, 3.2.2.3.2): configuration mechanism 1. Slots without a device read all
ones."""

from __future__ import annotations

from codegen.lang import Array, Field, Struct, count, fn, table, u32
from drivers.pci.config_ports import ConfigAddress

CONFIG_ADDRESS = 0xCF8
CONFIG_DATA = 0xCFC
HOST_BRIDGE = (
    0x1237_8086,
    0x0000_0000,
    0x0600_0002,
    0x0000_0000,
)  # Intel 440FX, revision 2, as the board is a PC of that family
CONFIG_BYTES = 256


HEADER = table(u32, list(HOST_BRIDGE))


class PciHost(Struct):
    """The bridge's own state: nothing of it can be changed but what software keeps there."""

    address: Field[ConfigAddress]
    scratch: Array[u32] = count(
        CONFIG_BYTES // 4
    )  # registers 40h and up of the bridge, read and written, without effect


@fn(cold=True)
def pci_reset(pci: PciHost) -> None:
    """After RST#."""
    pci.zero()


@fn
def pci_address_read(pci: PciHost, offset: u32, width: u32) -> u32:
    """CF8h to CFBh: only as a dword; narrower accesses belong to other chips."""
    return u32(pci.address) if width == 4 and offset == 0 else u32(0xFFFF_FFFF)


@fn
def pci_address_write(pci: PciHost, offset: u32, width: u32, value: u32) -> None:
    """Select a register."""
    if width == 4 and offset == 0:
        pci.address = ConfigAddress.of(value & 0x80FF_FFFC)


@fn
def pci_data_read(pci: PciHost, offset: u32) -> u32:
    """CFCh to CFFh; `offset` 0 to 3 selects the byte lane."""
    address = pci.address
    if not address.enable or address.bus != 0 or address.device != 0 or address.function != 0:
        return u32(0xFFFF_FFFF)
    number = u32(address.register)
    if number < 4:
        return HEADER[number] >> (offset * 8)
    if number < 16:
        return u32(0)
    return pci.scratch[number & 63] >> (offset * 8)


@fn
def pci_data_write(pci: PciHost, offset: u32, width: u32, value: u32) -> None:
    """The bridge's device-specific registers only."""
    address = pci.address
    number = u32(address.register)
    if not address.enable or address.bus != 0 or address.device != 0 or address.function != 0 or number < 16:
        return
    lanes = u32(0xFFFF_FFFF) if width == 4 else ((u32(1) << (width * 8)) - 1) << (offset * 8)
    pci.scratch[number & 63] = pci.scratch[number & 63] & ~lanes | value << (offset * 8) & lanes
