"""A disk command at the start, before guests run: done when the call returns."""

from __future__ import annotations

from codegen.lang import Hpa, fn, pause, u16, u32, u64
from drivers.storage.command import COMMANDS, SECTOR, BlockOperation, BlockOutcome
from drivers.storage.disk import DISKS
from hypervisor.storage.controllers import controller_of
from hypervisor.storage.drivers import driver_collect, driver_submit, driver_tick
from hypervisor.time.clock import clock_now

TIMEOUT = 5_000_000_000  # ns
TICK = 1_000_000


@fn(cold=True)
def read_now(disk: u32, sector: u64, hpa: Hpa, sectors: u32) -> BlockOutcome:
    """Read whole blocks of a disk into memory that its controller reaches (`device_memory`). By the first processor,
    while nobody else uses the disks."""
    command = COMMANDS[0]
    command.operation = BlockOperation.READ
    command.disk = u16(disk)
    command.sector = sector
    command.sectors = sectors
    command.segment_count = 1
    command.segments[0].hpa = hpa
    command.segments[0].bytes = sectors * SECTOR
    command.outcome = BlockOutcome.PENDING
    command.deadline = clock_now() + TIMEOUT
    if DISKS.disks[disk].gone:
        return BlockOutcome.GONE
    controller = controller_of(u32(0))
    with controller.lock:
        if not driver_submit(controller, u32(0), u32(0)):
            return BlockOutcome.REFUSED
        tick_at = u64(0)
        while driver_collect(controller, u32(0)) is None:  # it ends: at its deadline, or with its disk
            now = clock_now()
            if now >= tick_at:
                controller.tick_at = driver_tick(controller, now)
                tick_at = now + TICK
            pause()
    return command.outcome
