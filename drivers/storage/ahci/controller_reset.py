"""The end of a reset of the whole controller (AHCI 1.3.1, 10.4.3)."""

from __future__ import annotations

from codegen.lang import fn, range, u32, u64
from drivers.storage.ahci.end import controller_gone, end_for_reset
from drivers.storage.ahci.port import ALL_ONES, port_place
from drivers.storage.ahci.recovery import begin_link_reset
from drivers.storage.ahci.registers import AhciControl
from drivers.storage.ahci.state import AhciController, AhciState


@fn(cold=True)
def controller_step(controller: AhciController, now: u64) -> None:
    """When the reset is done, nothing is under way any more, and the ports begin again."""
    control = controller.registers().control.read()
    if u32(control) == ALL_ONES or (control.reset and now >= controller.until):
        controller_gone(controller)
        return
    if control.reset:
        return
    controller.resetting = False
    controller.registers().control.write(AhciControl(ahci=True))
    controller.registers().control.write(AhciControl(ahci=True, interrupts=controller.connected))
    for i in range(controller.port_count):
        port = controller.ports[i]
        if port.state != AhciState.GONE:
            end_for_reset(controller, port)
            port_place(port)
            begin_link_reset(controller, port, now)
