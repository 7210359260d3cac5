"""Whether two processors have the same time: their TSCs, read in turns, must never go backwards.

Both read under one lock and compare with the reading before, the other's or their own. A reading that is lower than the
one before it proves a difference; the time that the lock takes to change hands bounds what stays unseen.
"""

from __future__ import annotations

from codegen.lang import (
    Atomic,
    Field,
    Struct,
    cpuid,
    fn,
    lfence,
    max,
    pause,
    range,
    rdmsr,
    rdtsc,
    storage,
    u32,
    u64,
    wrmsr,
)
from hypervisor.cpu.features import CPUID_STRUCTURED, FEATURES, has_bit
from hypervisor.cpu.smp.steps import START, Step, ask, is_done_within, perform
from hypervisor.time.clock import ns_to_tsc

IA32_TSC_ADJUST = 0x3B
MEASURED = 2_000_000  # nanoseconds
PATIENCE = 5_000_000_000
ROUNDS = 3  # of correction


class TscCheck(Struct):
    """One measurement. `last` and the warps belong to who holds the lock."""

    held: Atomic[u32]
    running: Atomic[u32]  # 1 while both read
    joined: Atomic[u32]  # 1: the new processor reads
    last: Field[u64]
    new_is_behind: Field[u64]  # ticks, the most that was seen
    new_is_ahead: Field[u64]
    corrected: Field[bool]


CHECK = storage(TscCheck)


@fn(cold=True)
def next_warp() -> u64:
    """Read the TSC in this processor's turn: by how much it is below the reading before, else 0. The lock is held."""
    lfence()  # RDTSC may not be executed ahead of taking the lock
    now = rdtsc()
    warp = CHECK.last.saturating_sub(now)
    CHECK.last = now
    return warp


@fn(cold=True)
def take_turn(is_first: bool) -> None:
    """One reading."""
    while CHECK.held.exchange(u32(1)) != 0:
        pause()
    warp = next_warp()
    if is_first:
        CHECK.new_is_ahead = max(CHECK.new_is_ahead, warp)
    else:
        CHECK.new_is_behind = max(CHECK.new_is_behind, warp)
    CHECK.held.store(u32(0))


@fn(cold=True)
def tsc_measure_as_new() -> None:
    """The new processor's part: read until the first one has seen enough."""
    CHECK.joined.store(u32(1))
    while CHECK.running.load() != 0:
        take_turn(False)


@fn(cold=True)
def tsc_measure() -> bool:
    """The first processor's part. False when the other does not take part."""
    CHECK.last = 0
    CHECK.new_is_behind = 0
    CHECK.new_is_ahead = 0
    CHECK.joined.store(u32(0))
    CHECK.running.store(u32(1))
    ask(Step.MEASURE_TSC)
    limit = rdtsc() + ns_to_tsc(u64(PATIENCE))
    while CHECK.joined.load() == 0 and rdtsc() < limit:
        pause()
    end = rdtsc() + ns_to_tsc(u64(MEASURED))
    while rdtsc() < end:
        take_turn(True)
    CHECK.running.store(u32(0))
    return is_done_within(u64(PATIENCE))


@fn(cold=True)
def has_tsc_adjust() -> bool:
    """CPUID 7, EBX bit 1."""
    if FEATURES.highest_leaf < CPUID_STRUCTURED:
        return False
    _, ebx, _, _ = cpuid(u32(CPUID_STRUCTURED), u32(0))
    return has_bit(ebx, u32(1))


@fn(cold=True)
def tsc_correct() -> None:
    """On the new processor: what IA32_TSC_ADJUST gains, the TSC gains (SDM vol. 3B, 18.17.3)."""
    wrmsr(u32(IA32_TSC_ADJUST), rdmsr(u32(IA32_TSC_ADJUST)).wrapping_add(START.tsc_correction))


@fn(cold=True)
def tsc_agrees() -> bool:
    """Measure, and correct what can be corrected; what is left is in CHECK. On the first processor."""
    CHECK.corrected = False
    for _ in range(u32(ROUNDS)):
        if not tsc_measure():
            return False
        if CHECK.new_is_behind == 0 and CHECK.new_is_ahead == 0:
            return True
        if not has_tsc_adjust():
            return False
        START.tsc_correction = CHECK.new_is_behind.wrapping_sub(CHECK.new_is_ahead)
        if not perform(Step.ADJUST_TSC, u64(PATIENCE)):
            return False
        CHECK.corrected = True
    return False
