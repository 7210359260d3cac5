"""The guest's only PCI bus, reached by configuration mechanism 1 (PCI 3.0, 3.2.2.3.2). Empty slots read all ones."""

from __future__ import annotations

from codegen.lang import Array, Field, Struct, count, fn, range, table, u32
from drivers.pci.config_ports import ConfigAddress
from hypervisor.devices.acpi.layout import PCI_MEMORY_FIRST
from hypervisor.devices.pci.function import PciFunction, function_reset
from hypervisor.devices.pci.image import FunctionKind
from hypervisor.devices.pci.window import WINDOW_BYTES
from hypervisor.devices.wiring import PCI_SLOTS, PCI_WIRES

ALL_ONES = 0xFFFF_FFFF
FIRST_WINDOW = PCI_MEMORY_FIRST  # slot 0's, which needs none
LINES = table(u32, list(PCI_WIRES.values()))


class PciBus(Struct):
    """`address` is the register at CF8h. Each slot has one function."""

    address: Field[ConfigAddress]
    functions: Array[PciFunction] = count(PCI_SLOTS)


@fn(cold=True)
def bus_reset(bus: PciBus) -> None:
    """After RST# and what firmware does then: windows one behind the other, interrupt lines by slot."""
    bus.address = ConfigAddress.of(u32(0))
    bus.functions[0].kind = FunctionKind.HOST_BRIDGE
    for slot in range(u32(PCI_SLOTS)):
        function_reset(bus.functions[slot], u32(FIRST_WINDOW) + slot * WINDOW_BYTES, line_of(slot))


@fn
def line_of(slot: u32) -> u32:
    """The interrupt to which a slot's INTA# is wired."""
    return LINES[slot & (PCI_SLOTS - 1)]


@fn
def address_read(bus: PciBus, width: u32) -> u32:
    """CF8h: only as a dword; narrower accesses belong to other chips."""
    return u32(bus.address) if width == 4 else u32(ALL_ONES)


@fn
def address_write(bus: PciBus, width: u32, value: u32) -> None:
    """Select a register."""
    if width == 4:
        bus.address = ConfigAddress.of(value & 0x80FF_FFFC)


@fn
def selected_slot(bus: PciBus) -> u32 | None:
    """The slot that the address names, if there is a function."""
    address = bus.address
    slot = u32(address.device)
    if not address.enable or address.bus != 0 or address.function != 0 or slot >= PCI_SLOTS:
        return None
    return slot if bus.functions[slot].kind != FunctionKind.NONE else None


@fn
def lanes_of(offset: u32, width: u32) -> u32:
    """Which bits of a dword an access of `width` 1, 2 or 4 bytes at byte `offset` (0 to 3) touches."""
    whole = u32(ALL_ONES) if width == 4 else (u32(1) << (width * 8 & 31)) - 1
    return whole << (offset * 8 & 31)
