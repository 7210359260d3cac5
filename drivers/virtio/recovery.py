"""A virtio device that has failed is reset, a step at a time, and given up when that does not help."""

from __future__ import annotations

from codegen.lang import HwEnum, fn, mmio, u8, u64
from drivers.virtio.pci import VirtioCommon
from drivers.virtio.transport import NOBODY, PATIENCE, RUNNING, Life, VirtioTransport

RESETS_MAX = 3  # without anything done in between
POLL = 1_000_000  # ns, while it is being reset


class Recovery(HwEnum, repr=u8, must_use=True):
    """What the driver is to do."""

    HEALTHY = 0
    WAIT = 1  # for POLL: the device may still reach memory
    AT_REST = 2  # it does not: what was on its way has ended, and it can be set up again
    LOST = 3  # stop it for good


@fn(cold=True)
def recovery_step(transport: VirtioTransport, now: u64, late: bool) -> Recovery:
    """Look at a device that runs or is being reset. `late`: something has not ended in time."""
    registers = mmio(VirtioCommon, transport.windows.common)
    status = registers.status.read()
    if status == NOBODY:
        return Recovery.LOST
    if transport.life == Life.RESETTING:
        if status == 0:
            return Recovery.AT_REST
        return Recovery.LOST if now.saturating_sub(transport.reset_at) > PATIENCE else Recovery.WAIT
    if not late and not transport.broken and status == u8(RUNNING):  # else it needs a reset, or had one by itself
        return Recovery.HEALTHY
    if transport.fruitless >= RESETS_MAX:
        return Recovery.LOST
    transport.fruitless += 1
    transport.life = Life.RESETTING
    transport.reset_at = now
    registers.status.write(0)
    return Recovery.WAIT
