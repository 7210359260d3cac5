"""What functions may do by themselves: nothing, until a driver takes them.

Firmware leaves devices running. A network card goes on writing packets to where its rings were, and that is RAM of
guests by then. So at the start every function loses bus mastering, INTx and MSIs, but for those that LEFT_ALONE names.
"""

from __future__ import annotations

from codegen.lang import fn, static, u16, u32
from drivers.pci.config import pci_read16, pci_write16
from drivers.pci.functions import PciFunction, PciOwner
from drivers.pci.header import LAYOUT_DEVICE, PciCommand, Type0Header
from drivers.pci.msi import msi_disable
from drivers.pci.msix_driver import msix_disable

DISPLAY, BRIDGE = 0x03, 0x06  # base classes
LEFT_ALONE = (
    0x0001,  # VGA, from before there were classes
    0x0800,  # an I/O APIC sends its interrupts as a bus master
    0x0806,  # an IOMMU reads its tables, and is its driver's
    0x0C03,  # a USB controller may be the keyboard: firmware emulates a PS/2 one by DMA into memory that is its own
)


@fn(cold=True)
def is_left_alone(function: PciFunction) -> bool:
    """LEFT_ALONE, bridges, which pass on what others may do, and displays: the console's screen may lie in RAM."""
    base = function.class_code >> 8
    if function.layout != LAYOUT_DEVICE or base == BRIDGE or base == DISPLAY:
        return True
    for code in static(LEFT_ALONE):
        if function.class_code == code:
            return True
    return False


@fn(cold=True)
def pci_quiet(function: PciFunction) -> bool:
    """Silence it; False when it is left alone, which `owner` then says. No MSI is left in any case: nobody here knows
    the vectors that firmware chose."""
    msi_disable(function)
    msix_disable(function)
    if is_left_alone(function):
        function.owner = PciOwner.FIRMWARE
        return False
    write_command(function, read_command(function).replace(bus_master=False, no_intx=True))
    return True


@fn(cold=True)
def pci_take(function: PciFunction, owner: PciOwner) -> bool:
    """For a driver: answer at the BARs, master the bus, no INTx. False when another driver has it, or it is gone."""
    if function.owner != PciOwner.NONE and function.owner != PciOwner.FIRMWARE:
        return False
    if pci_read16(function.place, u32(Type0Header.vendor.offset)) != function.vendor:
        return False
    function.owner = owner
    command = read_command(function)
    write_command(function, command.replace(io=True, memory=True, bus_master=True, no_intx=True))
    return True


@fn(cold=True)
def read_command(function: PciFunction) -> PciCommand:
    return PciCommand.of(pci_read16(function.place, u32(Type0Header.command.offset)))


@fn(cold=True)
def write_command(function: PciFunction, command: PciCommand) -> None:
    pci_write16(function.place, u32(Type0Header.command.offset), u16(command))
