"""Commands that the controller does not end: after a reset, or because it is given up."""

from __future__ import annotations

from codegen.lang import fn, range, u32, u64
from drivers.pci.quiet import pci_quiet, read_command
from drivers.storage.command import COMMANDS, BlockOutcome
from drivers.storage.disk import DISKS, DiskDriver
from drivers.storage.fault import StorageFault
from drivers.storage.nvme.state import NVME, QUEUES_MAX, NvmeController, NvmePhase, NvmeQueue


@fn(cold=True)
def set_aside(queue: NvmeQueue) -> None:
    """What is under way is lost, and nothing new begins. The device may still reach its memory."""
    queue.lost = queue.lost | queue.busy
    queue.busy = 0
    queue.free = 0
    queue.unfinished = 0


@fn(cold=True)
def end_lost(controller: NvmeController) -> None:
    """Now the device does not reach them: they are over, and to be collected."""
    for i in range(u32(QUEUES_MAX)):
        queue = controller.queues[i]
        while queue.lost != 0:
            slot = queue.lost.trailing_zeros()
            bit = u32(1) << slot
            queue.lost = queue.lost & ~bit
            outcome = BlockOutcome.TIMED_OUT if queue.late & bit != 0 else BlockOutcome.RESET
            if controller.phase == NvmePhase.GONE:
                outcome = BlockOutcome.GONE
            end_at_once(queue, u32(queue.commands[slot]), outcome)
        queue.late = 0


@fn(cold=True)
def end_at_once(queue: NvmeQueue, command: u32, outcome: BlockOutcome) -> None:
    """A command that is not the controller's is to be collected with this."""
    COMMANDS[command].outcome = outcome
    queue.ready = queue.ready | u64(1) << command


@fn(cold=True)
def give_up(controller: NvmeController, fault: StorageFault) -> None:
    """For ever. It loses the bus first, and its registers are not touched again."""
    controller.phase = NvmePhase.GONE
    controller.fault = fault
    function = controller.function
    if function is not None:
        pci_quiet(function)
        read_command(function)  # what it has written before has arrived when it answers this
    for i in range(u32(QUEUES_MAX)):
        set_aside(controller.queues[i])
    end_lost(controller)
    for i in range(DISKS.disk_count):
        disk = DISKS.disks[i]
        if disk.driver == DiskDriver.NVME and NVME.controllers[disk.controller] is controller:
            disk.gone = True
