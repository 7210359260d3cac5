"""Each processor's own timer, all at the same time; and one time for all."""

from __future__ import annotations

from codegen.lang import (
    Atomic,
    Field,
    Struct,
    cli,
    fn,
    lfence,
    ports,
    range,
    rdtsc,
    sti,
    sti_hlt,
    storage,
    u16,
    u32,
    u64,
    wrmsr,
)
from drivers.interrupt.lapic import MSR_TSC_DEADLINE
from drivers.timer.pm_timer import PM_TIMER_FREQUENCY, PmTimerPorts
from hypervisor.devices.acpi.layout import PM_TIMER
from tests.guests.check import check, checks_of
from tests.guests.smp.apic import INITIAL_COUNT, MASKED, TIMER, write_apic
from tests.guests.smp.lock import LOCK
from tests.guests.smp.processor import CPUS, Processor
from tests.guests.smp.task import all_answer, give, give_all, task
from tests.guests.smp.vectors import VECTOR_TIMER
from tests.guests.smp.wait import forget, settle

PERIODIC, TSC_DEADLINE = 1 << 17, 2 << 17
TICKS = 20
TICK = 1_000_000  # ns
DEADLINE = 1_000_000  # TSC ticks
PM_TICKS = TICKS * PM_TIMER_FREQUENCY // 1000
MEETINGS = 4_000


class Clock(Struct, shared=True):
    last: Field[u64]  # the latest TSC that anybody has read, under LOCK
    backwards: Atomic[u32]


CLOCK = storage(Clock)


@fn
def pm_timer() -> u32:
    return ports(PmTimerPorts, u16(PM_TIMER)).value.read()


@fn
def wait_for_timer(own: Processor, count: u32) -> None:
    """Halted until so many have come; interrupts are off before and after."""
    while own.counts[VECTOR_TIMER] < count:
        sti_hlt()
        cli()


@fn
def in_time(started: u32) -> bool:
    """Whether the ticks took no less than they must; how much more is the host's business."""
    return pm_timer().wrapping_sub(started) & 0xFF_FFFF >= static_least()


@fn
def static_least() -> u32:
    return u32(PM_TICKS - PM_TICKS // 20)


@task
@fn
def one_shots(own: Processor, argument: u64) -> u64:
    """1 when each shot came once, and none early."""
    cli()
    started = pm_timer()
    write_apic(u32(TIMER), u32(VECTOR_TIMER))
    for i in range(u32(TICKS)):
        write_apic(u32(INITIAL_COUNT), u32(TICK))
        wait_for_timer(own, i + 1)
    late = in_time(started)
    sti()
    settle()
    return u64(late and own.counts[VECTOR_TIMER] == TICKS)


@task
@fn
def periodic(own: Processor, argument: u64) -> u64:
    """1 when it goes on by itself, and not faster than it should."""
    cli()
    started = pm_timer()
    write_apic(u32(TIMER), u32(PERIODIC | VECTOR_TIMER))
    write_apic(u32(INITIAL_COUNT), u32(TICK))
    wait_for_timer(own, u32(TICKS))
    late = in_time(started)
    write_apic(u32(TIMER), u32(MASKED))
    write_apic(u32(INITIAL_COUNT), u32(0))
    sti()
    return u64(late)


@task
@fn
def deadlines(own: Processor, argument: u64) -> u64:
    """1 when no deadline was early."""
    cli()
    write_apic(u32(TIMER), u32(TSC_DEADLINE | VECTOR_TIMER))
    late = True
    for i in range(u32(TICKS)):
        deadline = rdtsc() + DEADLINE
        wrmsr(u32(MSR_TSC_DEADLINE), deadline)
        wait_for_timer(own, i + 1)
        late = late and own.tsc_at_timer >= deadline
    write_apic(u32(TIMER), u32(MASKED))
    sti()
    return u64(late and own.counts[VECTOR_TIMER] == TICKS)


@task
@fn
def meet(own: Processor, argument: u64) -> u64:
    read_in_turn()
    return u64(1)


@fn
def read_in_turn() -> None:
    """Under one lock: what the TSC reads here is not less than what anybody has read before."""
    for _ in range(u32(MEETINGS)):
        with LOCK:
            lfence()
            now = rdtsc()
            if now < CLOCK.last:
                CLOCK.backwards.fetch_add(1)
            CLOCK.last = now


@check
@fn
def each_processor_has_its_own_timer_in_its_own_mode() -> bool:
    forget(u32(VECTOR_TIMER))
    give(u32(1), u32(one_shots.number), u64(0))
    give(u32(2), u32(periodic.number), u64(0))
    give(u32(3), u32(deadlines.number), u64(0))
    return all_answer(u64(1)) and CPUS[0].counts[VECTOR_TIMER] == 0


@check
@fn
def the_modes_can_change_places() -> bool:
    forget(u32(VECTOR_TIMER))
    give(u32(1), u32(periodic.number), u64(0))
    give(u32(2), u32(deadlines.number), u64(0))
    give(u32(3), u32(one_shots.number), u64(0))
    return all_answer(u64(1)) and CPUS[0].counts[VECTOR_TIMER] == 0


@check
@fn
def no_processor_reads_an_earlier_tsc_than_another_before_it() -> bool:
    give_all(u32(meet.number), u64(0))
    read_in_turn()
    return all_answer(u64(1)) and CLOCK.backwards.load() == 0


CHECKS = checks_of(globals())
