"""One word between the first processor and the one that it starts: which step is asked for, or that it is done."""

from __future__ import annotations

from codegen.lang import Atomic, Field, Hpa, HwEnum, Struct, fn, pause, rdtsc, storage, u32, u64
from hypervisor.time.clock import ns_to_tsc


class Step(HwEnum, repr=u32):
    """What the new processor does next; it answers DONE."""

    DONE = 0
    ARRIVE = 1  # from STARTUP to a processor that can take interrupts
    COMPARE = 2  # itself with the first one
    MEASURE_TSC = 3  # against the first one, which takes part
    ADJUST_TSC = 4
    VIRTUALIZE = 5
    RUN = 6  # as one of the others


class Start(Struct):
    """Of the processor that is being started. Plain fields belong to whoever is to move: they are handed over with
    `step`."""

    step: Atomic[u32]
    apic_id: Field[u32]  # as the new processor reads it
    different: Field[u32]  # number of the first word that differs from the first processor's, or NO_DIFFERENCE
    found: Field[u64]  # that word
    tsc_correction: Field[u64]  # to add
    host_area: Field[Hpa]  # for vendor_enable_cpu
    missing: Field[u32]  # Capability


NO_DIFFERENCE = 0xFFFF_FFFF
START = storage(Start)


@fn(cold=True)
def ask(step: Step) -> None:
    """On the first processor: everything stored before is seen by the new one."""
    START.step.store(u32(step))


@fn(cold=True)
def is_done_within(ns: u64) -> bool:
    """Wait for the answer, so many nanoseconds at most."""
    end = rdtsc().wrapping_add(ns_to_tsc(ns))
    while START.step.load() != u32(Step.DONE):
        if rdtsc() >= end:
            return False
        pause()
    return True


@fn(cold=True)
def perform(step: Step, ns: u64) -> bool:
    """Ask and wait."""
    ask(step)
    return is_done_within(ns)


@fn(cold=True)
def wait_for(ns: u64) -> None:
    """So many nanoseconds at least."""
    end = rdtsc().wrapping_add(ns_to_tsc(ns))
    while rdtsc() < end:
        pause()
