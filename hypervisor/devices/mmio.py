"""Device windows in a guest's physical memory: the I/O APIC's, and those of PCI functions. The local APIC's page
belongs to the vCPU."""

from __future__ import annotations

from codegen.lang import Gpa, fn, u32, u64
from drivers.interrupt.ioapic import IOAPIC_BASE
from hypervisor.devices.board import Board, board_devices_changed, board_settle
from hypervisor.devices.ioapic import ioapic_read, ioapic_write
from hypervisor.devices.virtio.slots import slots_claim, slots_read, slots_write

PAGE_MASK = 0xFFF
FRAME_MASK = 0xFFFF_FFFF_FFFF_F000
ALL_ONES = 0xFFFF_FFFF_FFFF_FFFF


@fn
def mmio_read(board: Board, gpa: Gpa, width: u32) -> u64:
    """Read `width` bytes (1, 2, 4 or 8); only those of the result count. Registers are 32 bits wide: of 8 bytes the
    upper half is 0, narrow reads give low bytes. Where no device is, all ones."""
    if u64(gpa) & FRAME_MASK != IOAPIC_BASE:
        return device_read(board, gpa, width)
    return u64(ioapic_read(board.ioapic, u32.trunc(u64(gpa)) & PAGE_MASK))


@fn
def mmio_write(board: Board, gpa: Gpa, width: u32, value: u64) -> None:
    """Write `width` bytes: 8 as their low half, narrow ones with zeros above. Where no device is, nothing happens."""
    if u64(gpa) & FRAME_MASK != IOAPIC_BASE:
        device_write(board, gpa, width, value)
        return
    ioapic_write(board.ioapic, u32.trunc(u64(gpa)) & PAGE_MASK, u32.trunc(value))
    board_settle(board)


@fn(noinline=True)
def device_read(board: Board, gpa: Gpa, width: u32) -> u64:
    """Anywhere but in the I/O APIC's page."""
    number = slots_claim(board.virtio, board.pci, u64(gpa))
    if number is None:
        return u64(ALL_ONES)
    value = slots_read(board.virtio, board.pci, number, u64(gpa), width)
    board_devices_changed(board)  # reading the ISR lowers a line
    return value


@fn(noinline=True)
def device_write(board: Board, gpa: Gpa, width: u32, value: u64) -> None:
    """The same."""
    number = slots_claim(board.virtio, board.pci, u64(gpa))
    if number is not None:
        slots_write(board.virtio, board.pci, number, u64(gpa), width, value)
        board_devices_changed(board)
