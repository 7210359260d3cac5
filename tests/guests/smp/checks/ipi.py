"""Interprocessor interrupts in xAPIC mode: who gets them, and what becomes of those that nobody may get."""

from __future__ import annotations

from codegen.lang import cli, fn, hlt, range, sti, sti_hlt, u32, u64
from tests.guests.check import check, checks_of
from tests.guests.smp.apic import (
    DESTINATION_FORMAT,
    FIXED,
    ICR,
    INIT,
    IRR,
    LEVEL,
    LOGICAL,
    LOGICAL_DESTINATION,
    LOWEST,
    NMI,
    PENDING,
    STARTUP,
    TMR,
    TO_ALL,
    TO_OTHERS,
    TO_SELF,
    bit_of,
    end_of_interrupt,
    read_apic,
    send,
    take_errors,
    write_apic,
)
from tests.guests.smp.checks.startup import answers
from tests.guests.smp.processor import COUNT, CPUS, Processor
from tests.guests.smp.task import all_answer, done, give, give_all, task
from tests.guests.smp.trampoline import PAGE
from tests.guests.smp.vectors import VECTOR_ANSWER, VECTOR_FIXED, VECTOR_RING
from tests.guests.smp.wait import forget, open_interrupts, reached, received, settle

FLAT, CLUSTER = 0xFFFF_FFFF, 0x0FFF_FFFF
ABSENT = 200
SEND_ILLEGAL = 1 << 5
ILLEGAL = 5
ROUNDS = 16
STORM_ROUNDS = 1000
ONLY_0, ONLY_1, ONLY_2, ONLY_3 = 0x0001, 0x0010, 0x0100, 0x1000
OTHERS, ALL = 0x1110, 0x1111


@fn
def reaches(destination: u32, command: u32, whom: u32) -> bool:
    """Whether a fixed interrupt comes once to everybody of `whom` and to nobody else."""
    forget(u32(VECTOR_FIXED))
    send(destination, command | VECTOR_FIXED)
    return received(u32(VECTOR_FIXED)) == whom


@fn
def logical_name(index: u32, format: u32) -> u32:
    """The flat model: one bit each. The cluster model: two clusters of two."""
    if format == FLAT:
        return u32(1) << index
    return index >> 1 << 4 | u32(1) << (index & 1)


@fn
def name_self(index: u32, format: u32) -> None:
    write_apic(u32(DESTINATION_FORMAT), format)
    write_apic(u32(LOGICAL_DESTINATION), logical_name(index, format) << 24)


@task
@fn
def take_logical_name(own: Processor, argument: u64) -> u64:
    name_self(own.index, u32(argument))
    return u64(1)


@fn
def name_all(format: u32) -> bool:
    name_self(u32(0), format)
    give_all(u32(take_logical_name.number), u64(format))
    return all_answer(u64(1))


@task
@fn
def wait_deaf(own: Processor, argument: u64) -> u64:
    """Interrupts off until the check says so: 1 when VECTOR_FIXED then waits in IRR and comes once."""
    cli()
    before = own.counts[VECTOR_FIXED]
    own.step = 1
    while not own.stop:
        pass
    waits = bit_of(u32(IRR), u32(VECTOR_FIXED)) and own.counts[VECTOR_FIXED] == before
    open_interrupts()
    return u64(waits and own.counts[VECTOR_FIXED] == before + 1)


@task
@fn
def halt_deaf(own: Processor, argument: u64) -> u64:
    """HLT with interrupts off, which only an NMI ends."""
    cli()
    own.step = 1
    hlt()
    own.step = 2
    waits = bit_of(u32(IRR), u32(VECTOR_FIXED))
    open_interrupts()
    return u64(waits)


@task
@fn
def take_without_eoi(own: Processor, argument: u64) -> u64:
    """Let one VECTOR_FIXED in, look at its TMR bit, and only then end it. 1 when it was edge-triggered."""
    cli()
    own.hold_eoi = True
    before = own.counts[VECTOR_FIXED]
    own.step = 1
    while own.counts[VECTOR_FIXED] == before:
        open_interrupts()
    level = bit_of(u32(TMR), u32(VECTOR_FIXED))
    own.hold_eoi = False
    end_of_interrupt()
    return u64(not level)


@task
@fn
def ring(own: Processor, argument: u64) -> u64:
    """`argument` interrupts to the next one, each answered before the next is sent."""
    next = own.index + 1 if own.index < COUNT - 1 else u32(1)
    cli()
    for i in range(u32.trunc(argument)):
        send(next, u32(FIXED | VECTOR_RING))
        while own.counts[VECTOR_ANSWER] <= i:
            sti_hlt()
            cli()
    sti()
    return u64(own.counts[VECTOR_ANSWER])


@check
@fn
def a_physical_destination_is_one_processor() -> bool:
    return (
        reaches(u32(0), u32(FIXED), u32(ONLY_0))
        and reaches(u32(1), u32(FIXED), u32(ONLY_1))
        and reaches(u32(2), u32(FIXED), u32(ONLY_2))
        and reaches(u32(3), u32(FIXED), u32(ONLY_3))
    )


@check
@fn
def shorthands_reach_self_all_and_all_but_self() -> bool:
    return (
        reaches(u32(2), u32(FIXED | TO_SELF), u32(ONLY_0))
        and reaches(u32(2), u32(FIXED | TO_ALL), u32(ALL))
        and reaches(u32(2), u32(FIXED | TO_OTHERS), u32(OTHERS))
    )


@check
@fn
def the_broadcast_destination_reaches_all() -> bool:
    return reaches(u32(0xFF), u32(FIXED), u32(ALL)) and reaches(u32(0xFF), u32(FIXED | LOGICAL), u32(ALL))


@check
@fn
def flat_logical_destinations_are_sets() -> bool:
    return (
        name_all(u32(FLAT))
        and reaches(u32(0b0110), u32(FIXED | LOGICAL), u32(ONLY_1 | ONLY_2))
        and reaches(u32(0b1001), u32(FIXED | LOGICAL), u32(ONLY_0 | ONLY_3))
        and reaches(u32(0b1_0000), u32(FIXED | LOGICAL), u32(0))
    )


@check
@fn
def cluster_logical_destinations_are_sets_in_a_cluster() -> bool:
    return (
        name_all(u32(CLUSTER))
        and reaches(u32(0x03), u32(FIXED | LOGICAL), u32(ONLY_0 | ONLY_1))
        and reaches(u32(0x12), u32(FIXED | LOGICAL), u32(ONLY_3))
        and reaches(u32(0x23), u32(FIXED | LOGICAL), u32(0))
        and name_all(u32(FLAT))
    )


@check
@fn
def a_lowest_priority_interrupt_comes_to_exactly_one() -> bool:
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
def interrupts_to_nobody_are_lost_without_harm() -> bool:
    forget(u32(VECTOR_FIXED))
    starts = CPUS[1].starts + CPUS[2].starts + CPUS[3].starts
    send(u32(ABSENT), u32(FIXED | VECTOR_FIXED))
    send(u32(ABSENT), u32(LOWEST | VECTOR_FIXED))
    send(u32(ABSENT), u32(NMI))
    send(u32(ABSENT), u32(INIT))
    send(u32(ABSENT), u32(STARTUP | PAGE))
    nobody = received(u32(VECTOR_FIXED)) == 0 and CPUS[1].starts + CPUS[2].starts + CPUS[3].starts == starts
    return nobody and answers(u32(1)) and answers(u32(2)) and answers(u32(3))


@check
@fn
def the_icr_is_idle_after_each_message() -> bool:
    send(u32(1), u32(FIXED | VECTOR_FIXED))
    sent = read_apic(u32(ICR))
    send(u32(ABSENT), u32(FIXED | VECTOR_FIXED))
    lost = read_apic(u32(ICR))
    settle()
    return sent & PENDING == 0 and lost & PENDING == 0


@check
@fn
def an_illegal_vector_is_the_senders_error() -> bool:
    take_errors()
    for i in range(u32(1), u32(COUNT)):
        CPUS[i].counts[ILLEGAL] = 0
    send(u32(1), u32(FIXED | ILLEGAL))
    errors = take_errors()
    return errors & SEND_ILLEGAL != 0 and take_errors() == 0 and answers(u32(1))


@check
@fn
def the_trigger_mode_of_a_fixed_message_means_nothing() -> bool:
    give(u32(1), u32(take_without_eoi.number), u64(0))
    ready = reached(CPUS[1], u64(1))
    send(u32(1), u32(FIXED | LEVEL | VECTOR_FIXED))
    return ready and done(u32(1)) and CPUS[1].answer == 1


@check
@fn
def an_interrupt_waits_for_a_processor_that_is_deaf() -> bool:
    give(u32(1), u32(wait_deaf.number), u64(0))
    ready = reached(CPUS[1], u64(1))
    send(u32(1), u32(FIXED | VECTOR_FIXED))
    settle()
    CPUS[1].stop = True
    return ready and done(u32(1)) and CPUS[1].answer == 1


@check
@fn
def only_an_nmi_wakes_a_processor_halted_with_interrupts_off() -> bool:
    give(u32(1), u32(halt_deaf.number), u64(0))
    ready = reached(CPUS[1], u64(1))
    settle()
    nmis = CPUS[1].nmis
    send(u32(1), u32(FIXED | VECTOR_FIXED))
    settle()
    sleeps = CPUS[1].step == 1
    send(u32(1), u32(NMI))
    return ready and sleeps and done(u32(1)) and CPUS[1].answer == 1 and CPUS[1].nmis == nmis + 1


@check
@fn
def an_nmi_reaches_all_but_self() -> bool:
    for i in range(u32(COUNT)):
        CPUS[i].nmis = 0
    send(u32(0), u32(NMI | TO_OTHERS))
    settle()
    return CPUS[0].nmis == 0 and CPUS[1].nmis == 1 and CPUS[2].nmis == 1 and CPUS[3].nmis == 1


@check
@fn
def two_interrupts_of_one_vector_before_it_is_taken_are_one() -> bool:
    give(u32(1), u32(wait_deaf.number), u64(0))
    ready = reached(CPUS[1], u64(1))
    send(u32(1), u32(FIXED | VECTOR_FIXED))
    send(u32(1), u32(FIXED | VECTOR_FIXED))
    settle()
    CPUS[1].stop = True
    return ready and done(u32(1)) and CPUS[1].answer == 1


@fn
def storm(rounds: u64) -> bool:
    """Processors 1 and up each interrupt the next one so often, at the same time: whether each interrupt came."""
    forget(u32(VECTOR_RING))
    forget(u32(VECTOR_ANSWER))
    for i in range(u32(1), u32(COUNT)):
        CPUS[i].echo = True
    give_all(u32(ring.number), rounds)
    whole = all_answer(rounds)
    for i in range(u32(1), u32(COUNT)):
        whole = whole and u64(CPUS[i].counts[VECTOR_RING]) == rounds
        CPUS[i].echo = False
    return whole


@check
@fn
def no_interrupt_of_a_storm_is_lost() -> bool:
    return storm(u64(STORM_ROUNDS))


CHECKS = checks_of(globals())
