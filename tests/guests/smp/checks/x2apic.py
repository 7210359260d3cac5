"""Interprocessor interrupts in x2APIC mode, and while the processors are in different modes."""

from __future__ import annotations

from codegen.lang import fn, range, rdmsr, u32, u64
from drivers.interrupt.lapic import MSR_APIC_BASE
from tests.guests.check import check, checks_of
from tests.guests.smp.apic import (
    EVERYBODY,
    FIXED,
    ID,
    LOGICAL,
    LOGICAL_DESTINATION,
    LOWEST,
    NMI,
    SELF_IPI,
    TO_ALL,
    TO_OTHERS,
    TO_SELF,
    enter_x2apic,
    leave_x2apic,
    read_apic,
    send,
    write_apic,
)
from tests.guests.smp.checks.ipi import ALL, ONLY_0, ONLY_1, ONLY_2, ONLY_3, OTHERS, ROUNDS, reaches, storm
from tests.guests.smp.checks.startup import answers
from tests.guests.smp.processor import COUNT, CPUS, Processor
from tests.guests.smp.start import start_again
from tests.guests.smp.task import result, task
from tests.guests.smp.vectors import VECTOR_FIXED
from tests.guests.smp.wait import forget, received, settle

ABSENT = 0x1234
STORM_ROUNDS = 10_000
X2APIC = 1 << 10


@task
@fn
def change_mode(own: Processor, argument: u64) -> u64:
    """To x2APIC mode for 1, back for 0."""
    if argument == 1:
        enter_x2apic()
    else:
        leave_x2apic()
    return argument


@task
@fn
def own_names(own: Processor, argument: u64) -> u64:
    """The ID and, above it, the logical name."""
    return u64(read_apic(u32(LOGICAL_DESTINATION))) << 32 | u64(read_apic(u32(ID)))


@task
@fn
def interrupt_processor_0(own: Processor, argument: u64) -> u64:
    send(u32(0), u32(FIXED | VECTOR_FIXED))
    return u64(1)


@fn
def changes(index: u32, mode: u64) -> bool:
    answer = result(index, u32(change_mode.number), mode)
    if answer is None:
        return False
    return answer == mode


@fn
def hears_from(index: u32) -> bool:
    """Whether that processor can interrupt this one."""
    forget(u32(VECTOR_FIXED))
    answer = result(index, u32(interrupt_processor_0.number), u64(0))
    return answer is not None and received(u32(VECTOR_FIXED)) == ONLY_0


@check
@fn
def processors_in_different_modes_reach_each_other() -> bool:
    enter_x2apic()
    holds = reaches(u32(1), u32(FIXED), u32(ONLY_1)) and hears_from(u32(1))
    holds = changes(u32(2), u64(1)) and holds
    holds = holds and reaches(u32(2), u32(FIXED), u32(ONLY_2)) and hears_from(u32(2))
    holds = holds and reaches(u32(3), u32(FIXED), u32(ONLY_3)) and hears_from(u32(3))
    return holds and reaches(u32(EVERYBODY), u32(FIXED), u32(ALL))


@check
@fn
def all_enter_x2apic_mode() -> bool:
    return changes(u32(1), u64(1)) and changes(u32(3), u64(1))


@check
@fn
def x2apic_names_follow_from_the_id() -> bool:
    holds = read_apic(u32(LOGICAL_DESTINATION)) == 1 and read_apic(u32(ID)) == 0
    for i in range(u32(1), u32(COUNT)):
        answer = result(i, u32(own_names.number), u64(0))
        if answer is None:
            return False
        holds = holds and answer == u64(1) << (32 + i) | u64(i)
    return holds


@check
@fn
def x2apic_destinations_reach_whom_they_name() -> bool:
    return (
        reaches(u32(2), u32(FIXED), u32(ONLY_2))
        and reaches(u32(0b1010), u32(FIXED | LOGICAL), u32(ONLY_1 | ONLY_3))
        and reaches(u32(0x1_0002), u32(FIXED | LOGICAL), u32(0))
        and reaches(u32(ABSENT), u32(FIXED), u32(0))
        and reaches(u32(0xFF), u32(FIXED), u32(0))
        and reaches(u32(EVERYBODY), u32(FIXED), u32(ALL))
    )


@check
@fn
def x2apic_shorthands_reach_whom_they_name() -> bool:
    return (
        reaches(u32(3), u32(FIXED | TO_SELF), u32(ONLY_0))
        and reaches(u32(3), u32(FIXED | TO_ALL), u32(ALL))
        and reaches(u32(3), u32(FIXED | TO_OTHERS), u32(OTHERS))
    )


@check
@fn
def the_self_ipi_register_reaches_self() -> bool:
    forget(u32(VECTOR_FIXED))
    write_apic(u32(SELF_IPI), u32(VECTOR_FIXED))
    return received(u32(VECTOR_FIXED)) == ONLY_0


@check
@fn
def an_x2apic_lowest_priority_interrupt_comes_to_exactly_one() -> bool:
    forget(u32(VECTOR_FIXED))
    for _ in range(u32(ROUNDS)):
        send(u32(0b1110), u32(LOWEST | LOGICAL | VECTOR_FIXED))
        settle()
    total = u32(0)
    for i in range(u32(COUNT)):
        total += CPUS[i].counts[VECTOR_FIXED]
    return total == ROUNDS and CPUS[0].counts[VECTOR_FIXED] == 0


@check
@fn
def an_x2apic_nmi_reaches_whom_it_names() -> bool:
    for i in range(u32(COUNT)):
        CPUS[i].nmis = 0
    send(u32(2), u32(NMI))
    settle()
    return CPUS[0].nmis == 0 and CPUS[1].nmis == 0 and CPUS[2].nmis == 1 and CPUS[3].nmis == 0


@check
@fn
def no_x2apic_interrupt_of_a_storm_is_lost() -> bool:
    return storm(u64(STORM_ROUNDS))


@check
@fn
def init_leaves_x2apic_mode_on() -> bool:
    return start_again(u32(1)) and answers(u32(1)) and reaches(u32(1), u32(FIXED), u32(ONLY_1))


@check
@fn
def the_way_back_to_xapic_mode_is_through_disabled() -> bool:
    holds = changes(u32(1), u64(0)) and changes(u32(2), u64(0)) and changes(u32(3), u64(0))
    leave_x2apic()
    holds = holds and rdmsr(u32(MSR_APIC_BASE)) & X2APIC == 0
    return holds and reaches(u32(0xFF), u32(FIXED), u32(ALL)) and answers(u32(1))


CHECKS = checks_of(globals())
