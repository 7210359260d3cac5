"""RAM at its first touch, and windows without RAM."""

from __future__ import annotations

from codegen.lang import Array, Hpa, MmioBlock, Reg, Struct, at, fn, mmio, phys, range, u32, u64
from tests.guests.check import check, checks_of

FREE = 0x0100_0000  # above the kernel; the guest has 32 MiB
LOCAL_APIC = 0xFEE0_0000
NOWHERE = 0xD000_0000


class Page(Struct, size=4096, shared=True):
    words: Array[u64] = at(0, count=512)


class ApicWindow(MmioBlock, size=0x1000):
    """The two registers that never change."""

    id: Reg[u32] = at(0x20)
    version: Reg[u32] = at(0x30)
    task_priority: Reg[u32] = at(0x80)


@check
@fn
def memory_is_zero_at_its_first_touch_and_keeps_what_is_written() -> bool:
    holds = True
    for i in range(u64(64)):
        page = phys(Page, Hpa(FREE) + i * 0x1_1000)
        holds = holds and page.words[i] == 0
        page.words[i] = i + 1
    for i in range(u64(64)):
        holds = holds and phys(Page, Hpa(FREE) + i * 0x1_1000).words[i] == i + 1
    return holds


@check
@fn
def an_address_with_nothing_behind_reads_all_ones() -> bool:
    window = mmio(ApicWindow, Hpa(NOWHERE))
    window.id.write(u32(0))
    return window.id.read() == 0xFFFF_FFFF


@check
@fn
def the_local_apic_answers_in_its_window() -> bool:
    window = mmio(ApicWindow, Hpa(LOCAL_APIC))
    window.task_priority.write(u32(0x50))
    found = window.task_priority.read()
    window.task_priority.write(u32(0))
    return window.version.read() & 0xFF >= 0x10 and found == 0x50 and window.task_priority.read() == 0


CHECKS = checks_of(globals())
