"""PCI configuration mechanism 1 on the port bus. The bytes between its two dwords are other chips' (CF9H)."""

from __future__ import annotations

from codegen.lang import fn, u32, u64
from hypervisor.devices.board import Board
from hypervisor.devices.pci_host import (
    CONFIG_ADDRESS,
    CONFIG_DATA,
    pci_address_read,
    pci_address_write,
    pci_data_read,
    pci_data_write,
)
from hypervisor.devices.port_claims import claim_ports


@fn
def read_address(board: Board, port: u32, width: u32, now: u64) -> u32:
    """Port CF8H."""
    return pci_address_read(board.pci, u32(0), width)


@fn
def write_address(board: Board, port: u32, width: u32, value: u32, now: u64) -> None:
    """Port CF8H."""
    pci_address_write(board.pci, u32(0), width, value)


@fn
def read_data(board: Board, port: u32, width: u32, now: u64) -> u32:
    """Ports CFCH to CFFH."""
    return pci_data_read(board.pci, port & 3)


@fn
def write_data(board: Board, port: u32, width: u32, value: u32, now: u64) -> None:
    """Ports CFCH to CFFH."""
    pci_data_write(board.pci, port & 3, width, value)


claim_ports(CONFIG_ADDRESS, 1, read_address, write_address, widths=(4,))
claim_ports(CONFIG_DATA, 4, read_data, write_data, widths=(1, 2, 4))
