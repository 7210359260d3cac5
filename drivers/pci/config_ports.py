"""PCI configuration mechanism 1 (PCI 3.0, 3.2.2.3.2): an address and a data port for the first 256 bytes of each.

The two ports are one resource: between the write of the address and the access of the data nobody else may come. So
both happen inside a lock, which is the image's to provide; on no path is anything else done meanwhile.
"""

from __future__ import annotations

from codegen.lang import BitStruct, PortBlock, Reg, RegArray, at, bit, bits, contract, fn, ports, u8, u16, u32
from drivers.pci.address import PciAddress

CONFIG_PORT = 0xCF8
DATA_PORT = CONFIG_PORT + 4


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


class ConfigBytes(PortBlock, size=4):
    """The data port as bytes: the low two bits of a register's number choose the lane."""

    lane: RegArray[u8] = at(0, count=4)


class ConfigWords(PortBlock, size=4):
    """The data port as words."""

    lane: RegArray[u16] = at(0, count=2)


@contract
def config_ports_lock() -> None:
    """The two ports are ours, until `config_ports_unlock`."""
    ...


@contract
def config_ports_unlock() -> None:
    """Somebody else's turn."""
    ...


@fn(cold=True)
def pci_config_present() -> bool:
    """Whether the address register keeps what it is given."""
    chip = ports(ConfigPorts, u16(CONFIG_PORT))
    config_ports_lock()
    chip.address.write(ConfigAddress(enable=True))
    found = chip.address.read() == ConfigAddress(enable=True)
    config_ports_unlock()
    return found


@fn(cold=True)
def select_register(place: PciAddress, register: u32) -> None:
    """`register` is 0 to 255; its low two bits do not count here. The lock is held."""
    address = ConfigAddress(
        register=u8(register >> 2), function=place.function, device=place.device, bus=place.bus, enable=True
    )
    ports(ConfigPorts, u16(CONFIG_PORT)).address.write(address)


@fn(cold=True)
def ports_read(place: PciAddress, register: u32, width: u32) -> u32:
    """`width` bytes (1, 2, 4) at `register` (0 to 255, aligned); all ones where nothing answers."""
    config_ports_lock()
    select_register(place, register)
    value = u32(0)
    match width:
        case 1:
            value = u32(ports(ConfigBytes, u16(DATA_PORT)).lane[register & 3].read())
        case 2:
            value = u32(ports(ConfigWords, u16(DATA_PORT)).lane[register >> 1 & 1].read())
        case _:
            value = ports(ConfigPorts, u16(CONFIG_PORT)).data.read()
    config_ports_unlock()
    return value


@fn(cold=True)
def ports_write(place: PciAddress, register: u32, width: u32, value: u32) -> None:
    """The same way back: the low `width` bytes of `value`."""
    config_ports_lock()
    select_register(place, register)
    match width:
        case 1:
            ports(ConfigBytes, u16(DATA_PORT)).lane[register & 3].write(u8.trunc(value))
        case 2:
            ports(ConfigWords, u16(DATA_PORT)).lane[register >> 1 & 1].write(u16.trunc(value))
        case _:
            ports(ConfigPorts, u16(CONFIG_PORT)).data.write(value)
    config_ports_unlock()
