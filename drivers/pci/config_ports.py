"""PCI configuration mechanism 1 (PCI 3.0, 3.2.2.3.2): an address and a data port for the first 256 bytes of each."""

from __future__ import annotations

from codegen.lang import BitStruct, PortBlock, Reg, at, bit, bits, fn, ports, u8, u16, u32

CONFIG_PORT = 0xCF8
ABSENT = 0xFFFF_FFFF  # what a slot without a device reads


class ConfigAddress(BitStruct, repr=u32):
    """The register at CF8h."""

    register: u8 = bits(2, 7)  # dword number
    function: u8 = bits(8, 10)
    device: u8 = bits(11, 15)
    bus: u8 = bits(16, 23)
    enable: bool = bit(31)


class ConfigPorts(PortBlock, size=8):
    """CF8h and CFCh."""

    address: Reg[ConfigAddress] = at(0)
    data: Reg[u32] = at(4)


@fn(cold=True)
def pci_config_present() -> bool:
    """Whether the address register keeps what it is given."""
    chip = ports(ConfigPorts, u16(CONFIG_PORT))
    chip.address.write(ConfigAddress(enable=True))
    return chip.address.read() == ConfigAddress(enable=True)


@fn
def pci_read(place: ConfigAddress, register: u32) -> u32:
    """Dword `register` (0 to 63) of the function at `place`; ABSENT where nothing is."""
    chip = ports(ConfigPorts, u16(CONFIG_PORT))
    chip.address.write(place.replace(register=u8(register), enable=True))
    return chip.data.read()
