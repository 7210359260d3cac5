"""Memory from the firmware's map to owned frames and final page tables."""

from __future__ import annotations

from boot.info import BootInfo
from codegen.lang import Hpa, fn, u64
from hypervisor.console.kept_log import KEPT_LOG_BASE, KEPT_LOG_END
from hypervisor.console.log import log
from hypervisor.memory.frames import FRAMES, frames_reserve, frames_start, free_bytes
from hypervisor.memory.paging import paging_start
from hypervisor.memory.regions import usable_regions

LOW_MEMORY = 1 << 20  # firmware data, EBDA, the trampoline page: never handed out
MIB = 1 << 20


@fn(cold=True)
def memory_find(info: BootInfo) -> bool:
    """What is RAM and nobody's yet. False when the kept log's place (console/kept_log.py) is none of it."""
    usable_regions(info, FRAMES.usable)
    frames_reserve(Hpa(u64(0)), u64(LOW_MEMORY))
    frames_reserve(info.image_base, info.image_size)
    frames_reserve(info.archive_base, info.archive_size)
    if info.framebuffer.is_usable():
        frames_reserve(info.framebuffer.base, info.framebuffer.bytes())
    if not FRAMES.usable.contains(u64(KEPT_LOG_BASE), u64(KEPT_LOG_END)):
        return False
    frames_reserve(Hpa(u64(KEPT_LOG_BASE)), u64(KEPT_LOG_END - KEPT_LOG_BASE))
    return True


@fn(cold=True)
def memory_start(info: BootInfo) -> bool:
    """After `memory_find`. False when there is not enough RAM below 4 GiB for the books and the tables."""
    if not frames_start() or not paging_start(info):
        return False
    usable = FRAMES.usable.bytes() // MIB
    log(f"memory: {usable} MiB in {FRAMES.usable.region_count} regions, {free_bytes() // MIB} MiB free")
    return True
