"""INIT and STARTUP: where processors begin, with what, and what does not start them."""

from __future__ import annotations

from codegen.lang import cpuid, fn, pause, range, rdmsr, u16, u32, u64, wrmsr
from tests.guests.check import check, checks_of
from tests.guests.smp.apic import INIT, MASKED, STARTUP, TO_OTHERS, send
from tests.guests.smp.processor import COUNT, CPUS, Processor
from tests.guests.smp.start import has_started, start_again, start_all
from tests.guests.smp.task import done, give, result, task
from tests.guests.smp.trampoline import NOT_WRITTEN, PAGE, record
from tests.guests.smp.wait import reached, settle

CR0_ET, CR0_NW_CD = 1 << 4, 3 << 29
DR6_RESET, DR7_RESET = 0xFFFF_0FF0, 0x400
FLAGS_RESET = 2
STAR, KERNEL_GS_BASE = 0xC000_0081, 0xC000_0102
KEPT = 0x1234_5678_9ABC_DEF0
CANONICAL = 0xFFFF_8000_1234_5000


@task
@fn
def echo_argument(own: Processor, argument: u64) -> u64:
    return argument + u64(own.index)


@task
@fn
def count_for_ever(own: Processor, argument: u64) -> u64:
    """Until it is stopped."""
    while not own.stop:
        own.step += 1
        pause()
    return argument


@task
@fn
def set_kept_msrs(own: Processor, argument: u64) -> u64:
    wrmsr(u32(STAR), u64(KEPT))
    wrmsr(u32(KERNEL_GS_BASE), u64(CANONICAL))
    return argument


@task
@fn
def kept_msrs_are_set(own: Processor, argument: u64) -> u64:
    return u64(rdmsr(u32(STAR)) == KEPT and rdmsr(u32(KERNEL_GS_BASE)) == CANONICAL)


@fn
def answers(index: u32) -> bool:
    """Whether it still does what it is told."""
    answer = result(index, u32(echo_argument.number), u64(100))
    if answer is None:
        return False
    return answer == 100 + u64(index)


@fn
def general_registers_are_reset() -> bool:
    """All 0 but EDX, which identifies the processor (SDM vol. 3A, table 10-1)."""
    signature, _, _, _ = cpuid(u32(1), u32(0))
    found = record()
    reset = True
    for i in range(u32(8)):
        reset = reset and found.general[i] == (signature if i == 2 else u32(0))
    return reset


@fn
def segments_are_at_the_page() -> bool:
    found = record()
    reset = True
    for i in range(u32(6)):
        reset = reset and found.segments[i] == (u16(PAGE << 8) if i == 1 else u16(0))
    return reset and found.gdt_limit == 0xFFFF and found.idt_limit == 0xFFFF


@fn
def control_registers_are_reset(cr0: u32) -> bool:
    found = record()
    return (
        found.cr0 == cr0
        and found.cr2 == 0
        and found.cr3 == 0
        and found.cr4 == 0
        and found.efer == 0
        and found.dr6 == DR6_RESET
        and found.dr7 == DR7_RESET
        and found.flags == FLAGS_RESET
    )


@check
@fn
def after_power_up_a_startup_message_is_enough() -> bool:
    for i in range(u32(8)):
        record().general[i] = NOT_WRITTEN
    settle()
    none = CPUS[1].starts == 0 and CPUS[2].starts == 0 and CPUS[3].starts == 0
    send(u32(1), u32(STARTUP | PAGE))
    return none and has_started(u32(1), u32(1)) and CPUS[2].starts == 0 and CPUS[3].starts == 0


@check
@fn
def it_starts_in_real_mode_at_its_page() -> bool:
    return segments_are_at_the_page() and general_registers_are_reset()


@check
@fn
def its_control_registers_are_as_after_power_up() -> bool:
    return control_registers_are_reset(u32(CR0_ET | CR0_NW_CD))


@check
@fn
def a_startup_message_to_a_running_processor_is_ignored() -> bool:
    send(u32(1), u32(STARTUP | PAGE))
    settle()
    halted = CPUS[1].starts == 1 and answers(u32(1))
    give(u32(1), u32(count_for_ever.number), u64(0))
    running = reached(CPUS[1], u64(1))
    send(u32(1), u32(STARTUP | PAGE))
    settle()
    before = CPUS[1].step
    running = running and reached(CPUS[1], before + 1) and CPUS[1].starts == 1
    CPUS[1].stop = True
    return halted and running and done(u32(1)) and answers(u32(1))


@check
@fn
def init_stops_a_running_processor() -> bool:
    give(u32(1), u32(count_for_ever.number), u64(0))
    ran = reached(CPUS[1], u64(1))
    send(u32(1), u32(INIT))
    settle()
    before = CPUS[1].step
    settle()
    return ran and CPUS[1].step == before and CPUS[1].starts == 1


@check
@fn
def a_stopped_processor_starts_again() -> bool:
    for i in range(u32(8)):
        record().general[i] = NOT_WRITTEN
    send(u32(1), u32(STARTUP | PAGE))
    started = has_started(u32(1), u32(2))
    return started and segments_are_at_the_page() and general_registers_are_reset() and answers(u32(1))


@check
@fn
def init_leaves_the_cache_bits_of_cr0_alone() -> bool:
    return control_registers_are_reset(u32(CR0_ET))


@check
@fn
def init_resets_the_local_apic() -> bool:
    started = start_again(u32(1))
    own = CPUS[1]
    reset = own.spurious_at_start == 0xFF and own.priority_at_start == 0 and own.timer_at_start == MASKED
    return started and reset


@check
@fn
def init_leaves_msrs_alone() -> bool:
    if result(u32(1), u32(set_kept_msrs.number), u64(0)) is None or not start_again(u32(1)):
        return False
    answer = result(u32(1), u32(kept_msrs_are_set.number), u64(0))
    if answer is None:
        return False
    return answer == 1


@check
@fn
def all_others_start_and_answer() -> bool:
    run = start_all()
    for i in range(u32(1), u32(COUNT)):
        run = run and answers(i)
    return run


@check
@fn
def init_and_startup_reach_all_but_self() -> bool:
    one, two, three = CPUS[1].starts, CPUS[2].starts, CPUS[3].starts
    send(u32(0), u32(INIT | TO_OTHERS))
    settle()
    stopped = CPUS[1].starts == one and CPUS[2].starts == two and CPUS[3].starts == three
    send(u32(0), u32(STARTUP | PAGE | TO_OTHERS))
    run = has_started(u32(1), one + 1) and has_started(u32(2), two + 1) and has_started(u32(3), three + 1)
    for i in range(u32(1), u32(COUNT)):
        run = run and answers(i)
    return stopped and run


@check
@fn
def a_second_startup_message_starts_nobody_twice() -> bool:
    starts = CPUS[2].starts
    send(u32(2), u32(INIT))
    settle()
    send(u32(2), u32(STARTUP | PAGE))
    send(u32(2), u32(STARTUP | PAGE))
    started = has_started(u32(2), starts + 1)
    settle()
    return started and CPUS[2].starts == starts + 1 and answers(u32(2))


CHECKS = checks_of(globals())
