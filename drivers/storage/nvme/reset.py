"""Stopping a controller, starting it, and making its queues (NVM Express base 1.4, chapters 7.3.2 and 7.6.1).

Nothing waits here: each step looks whether the one before is done. So a disk that hangs holds nobody up.
"""

from __future__ import annotations

from codegen.lang import fn, mmio, u8, u32, u64
from drivers.pci.quiet import read_command, write_command
from drivers.storage.fault import StorageFault
from drivers.storage.nvme.admin import admin_prepare
from drivers.storage.nvme.ending import end_lost, give_up
from drivers.storage.nvme.make_queues import look_at_queue, make_first_queue
from drivers.storage.nvme.registers import GONE, NvmeConfiguration, NvmeRegisters, NvmeStatus
from drivers.storage.nvme.state import NvmeController, NvmePhase


@fn(cold=True)
def reset_begin(controller: NvmeController, now: u64) -> None:
    """Whatever state it is in. What was under way has been set aside."""
    registers = mmio(NvmeRegisters, controller.base)
    status = registers.status.read()
    configuration = registers.configuration.read()
    if u32(status) == GONE or u32(configuration) == GONE:
        give_up(controller, StorageFault.FAILED)
    elif configuration.enabled and not status.ready and not status.fatal:
        await_phase(controller, NvmePhase.SETTLING, now)
    else:
        stop(controller, now)


@fn(cold=True)
def reset_step(controller: NvmeController, now: u64) -> None:
    """One step on, if it can be made: to RUNNING at last, or GONE. For other phases only."""
    status = mmio(NvmeRegisters, controller.base).status.read()
    if u32(status) == GONE:
        give_up(controller, StorageFault.FAILED)
    elif controller.phase == NvmePhase.MAKING_QUEUES:
        look_at_queue(controller, now)
    elif has_come(controller.phase, status):
        match controller.phase:
            case NvmePhase.SETTLING:
                stop(controller, now)
            case NvmePhase.STOPPING:
                end_lost(controller)
                start(controller, now)
            case NvmePhase.STARTING:
                if status.fatal:
                    give_up(controller, StorageFault.FAILED)
                else:
                    make_first_queue(controller, now)
            case _:
                pass
    elif now >= controller.deadline:
        if controller.phase == NvmePhase.SETTLING:
            stop(controller, now)
        else:
            give_up(controller, StorageFault.TIMED_OUT)


@fn(cold=True)
def has_come(phase: NvmePhase, status: NvmeStatus) -> bool:
    """What the phase waits for. A fatal error is the end of being switched on, not of being switched off."""
    if phase == NvmePhase.STOPPING:
        return not status.ready
    return status.ready or status.fatal


@fn(cold=True)
def stop(controller: NvmeController, now: u64) -> None:
    """When `ready` has gone, it has no DMA under way, and has forgotten its queues (7.3.2)."""
    registers = mmio(NvmeRegisters, controller.base)
    registers.configuration.write(registers.configuration.read().replace(enabled=False))
    await_phase(controller, NvmePhase.STOPPING, now)


@fn(cold=True)
def start(controller: NvmeController, now: u64) -> None:
    """With NVM's commands, pages of 4096 bytes, round robin, entries of 64 and of 16 bytes."""
    admin_prepare(controller)
    function = controller.function
    if function is not None:
        write_command(function, read_command(function).replace(bus_master=True))
    mmio(NvmeRegisters, controller.base).configuration.write(
        NvmeConfiguration(enabled=True, submission_log2=u8(6), completion_log2=u8(4))
    )
    await_phase(controller, NvmePhase.STARTING, now)


@fn(cold=True)
def await_phase(controller: NvmeController, phase: NvmePhase, now: u64) -> None:
    controller.phase = phase
    controller.deadline = now + controller.patience
