"""PCI configuration mechanism 1 on the port bus. The bytes between its two dwords are other chips' (CF9H)."""

from __future__ import annotations

from codegen.lang import fn, u32, u64
from drivers.pci.config_ports import CONFIG_PORT, ConfigPorts
from hypervisor.devices.board import Board, board_devices_changed
from hypervisor.devices.pci.bus import ALL_ONES, address_read, address_write, lanes_of, selected_slot
from hypervisor.devices.port_claims import claim_ports
from hypervisor.devices.virtio.configuration import configuration_read, configuration_write


@fn(cold=True)
def read_address(board: Board, port: u32, width: u32, now: u64) -> u32:
    """Port CF8H."""
    return address_read(board.pci, width)


@fn(cold=True)
def write_address(board: Board, port: u32, width: u32, value: u32, now: u64) -> None:
    """Port CF8H."""
    address_write(board.pci, width, value)


@fn(cold=True)
def read_data(board: Board, port: u32, width: u32, now: u64) -> u32:
    """Ports CFCH to CFFH: a byte lane each."""
    slot = selected_slot(board.pci)
    if slot is None:
        return u32(ALL_ONES)
    return configuration_read(board.virtio, board.pci, slot, u32(board.pci.address.register)) >> ((port & 3) * 8)


@fn(cold=True)
def write_data(board: Board, port: u32, width: u32, value: u32, now: u64) -> None:
    """Ports CFCH to CFFH."""
    slot = selected_slot(board.pci)
    if slot is not None:
        lanes = lanes_of(port & 3, width)
        shifted = value << ((port & 3) * 8)
        configuration_write(board.virtio, board.pci, slot, u32(board.pci.address.register), lanes, shifted)
        board_devices_changed(board)


claim_ports(CONFIG_PORT, 1, read_address, write_address, widths=(4,))
claim_ports(CONFIG_PORT + ConfigPorts.data.offset, 4, read_data, write_data, widths=(1, 2, 4))
