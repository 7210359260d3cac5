"""Commands end. Nothing that the controller may still do reaches their memory then."""

from __future__ import annotations

from codegen.lang import fn, range, u32
from drivers.pci.cut_off import pci_cut_off
from drivers.storage.ahci.registers import PortInterrupt
from drivers.storage.ahci.state import AhciController, AhciPort, AhciState
from drivers.storage.command import BlockOutcome
from drivers.storage.disk import DISKS


@fn
def end_slot(controller: AhciController, port: AhciPort, slot: u32, outcome: BlockOutcome) -> None:
    """The command in this slot is over."""
    port.issued = port.issued & ~(u32(1) << slot)
    port.exclusive = port.exclusive and port.issued != 0
    controller.commands.finish(u32(port.slots[slot]), outcome)


@fn
def end_slots(controller: AhciController, port: AhciPort, slots: u32, outcome: BlockOutcome) -> None:
    """The commands in these slots are over."""
    left = slots
    while left != 0:
        slot = left.trailing_zeros()
        left = left & left.wrapping_sub(1)
        end_slot(controller, port, slot, outcome)


@fn(cold=True)
def end_for_reset(controller: AhciController, port: AhciPort) -> None:
    """All that is under way: what was late has timed out."""
    late = port.late & port.issued
    port.late = 0
    end_slots(controller, port, late, BlockOutcome.TIMED_OUT)
    end_slots(controller, port, port.issued, BlockOutcome.RESET)


@fn(cold=True)
def port_gone(controller: AhciController, port: AhciPort) -> None:
    """Nothing of the port is used any more; it has stopped, or the function is cut off."""
    if not controller.gone:
        command = port.registers().command.read()
        port.registers().enabled.write(PortInterrupt())
        port.registers().command.write(command.replace(start=False, receive=command.running))
    port.state = AhciState.GONE
    if port.known:
        DISKS.disks[port.disk].gone = True
    end_slots(controller, port, port.issued, BlockOutcome.GONE)
    controller.commands.finish_all(port.waiting, BlockOutcome.GONE)


@fn(cold=True)
def controller_gone(controller: AhciController) -> None:
    """It does not stop, or does not answer: it is cut off from the bus, and all its disks are gone."""
    function = controller.function
    if function is not None:
        pci_cut_off(function.place)
    controller.gone = True
    controller.resetting = False
    for i in range(controller.port_count):
        port_gone(controller, controller.ports[i])
