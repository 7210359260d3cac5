"""MSI: one message of a function, kept in configuration space (PCI 3.0, 6.8.1). We use one vector of those it has."""

from __future__ import annotations

from codegen.lang import BitStruct, MmioBlock, Reg, at, bit, bits, fn, u8, u16, u32
from drivers.interrupt.message import MessageAddress, MessageData
from drivers.pci.config import pci_read16, pci_read32, pci_write16, pci_write32
from drivers.pci.functions import PciFunction

CONFIG_END = 256


class MsiControl(BitStruct, repr=u16):
    """6.8.1.3."""

    enable: bool = bit(0)
    vectors_log2: u8 = bits(1, 3)  # that it has
    enabled_log2: u8 = bits(4, 6)  # that it may use
    wide: bool = bit(7)  # a 64-bit address
    maskable: bool = bit(8)


class Msi(MmioBlock, size=20):
    """The capability with a 32-bit address. `mask` and what follows exist where it is maskable."""

    control: Reg[MsiControl] = at(0x02)
    address: Reg[u32] = at(0x04)
    data: Reg[u16] = at(0x08)
    mask: Reg[u32] = at(0x0C)
    pending: Reg[u32] = at(0x10)


class MsiWide(MmioBlock, size=24):
    """The same with a 64-bit address."""

    control: Reg[MsiControl] = at(0x02)
    address: Reg[u32] = at(0x04)
    address_above: Reg[u32] = at(0x08)
    data: Reg[u16] = at(0x0C)
    mask: Reg[u32] = at(0x10)
    pending: Reg[u32] = at(0x14)


@fn(cold=True)
def msi_control(function: PciFunction) -> MsiControl | None:
    """None when the function has no MSI, has it half outside of its 256 bytes, or is gone."""
    if function.msi == 0:
        return None
    word = pci_read16(function.place, u32(function.msi) + Msi.control.offset)
    control = MsiControl.of(word)
    length = u32(24) if control.wide else u32(20)
    if word == 0xFFFF or u32(function.msi) + length > CONFIG_END:
        return None
    return control


@fn(cold=True)
def msi_enable(function: PciFunction, address: MessageAddress, data: MessageData) -> bool:
    """Send this message, unmasked, from now on. False when there is no MSI. The function must be a bus master."""
    control = msi_control(function)
    if control is None:
        return False
    place, at_msi = function.place, u32(function.msi)
    msi_write_control(function, control.replace(enable=False))
    pci_write32(place, at_msi + Msi.address.offset, u32(address))
    if control.wide:
        pci_write32(place, at_msi + MsiWide.address_above.offset, u32(0))
        pci_write16(place, at_msi + MsiWide.data.offset, u16.trunc(u32(data)))
    else:
        pci_write16(place, at_msi + Msi.data.offset, u16.trunc(u32(data)))
    if control.maskable:
        pci_write32(place, at_msi + mask_offset(control), u32(0))
    msi_write_control(function, control.replace(enable=True, enabled_log2=u8(0)))
    return True


@fn(cold=True)
def msi_mask(function: PciFunction, masked: bool) -> bool:
    """Hold the message back, or no longer. False when the function cannot: `msi_disable` then loses messages."""
    control = msi_control(function)
    if control is None or not control.maskable:
        return False
    register = u32(function.msi) + mask_offset(control)
    before = pci_read32(function.place, register)
    pci_write32(function.place, register, before | 1 if masked else before & ~1)
    return True


@fn(cold=True)
def msi_disable(function: PciFunction) -> None:
    """No message any more; without INTx, no interrupt at all."""
    control = msi_control(function)
    if control is not None and control.enable:
        msi_write_control(function, control.replace(enable=False))


@fn(cold=True)
def msi_write_control(function: PciFunction, control: MsiControl) -> None:
    pci_write16(function.place, u32(function.msi) + Msi.control.offset, u16(control))


@fn(cold=True)
def mask_offset(control: MsiControl) -> u32:
    """In the capability."""
    return u32(MsiWide.mask.offset) if control.wide else u32(Msi.mask.offset)
