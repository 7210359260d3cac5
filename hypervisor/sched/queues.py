"""One run queue for each processor, and the two words that all processors share."""

from __future__ import annotations

from codegen.lang import Array, Atomic, Field, Struct, count, fn, range, storage, storage_array, u32, u64
from hypervisor.cpu.per_cpu import CPUS_MAX
from hypervisor.cpu.spin_lock import LockPlace, SpinLock, lock_start
from hypervisor.sched.entity import Entity, is_before
from hypervisor.sched.fair_queue import FairQueue

SERVERS_MAX = 16  # real-time entities of one processor
NEVER = 0xFFFF_FFFF_FFFF_FFFF


class RunQueue(Struct, align=64):
    """Everything that one processor chooses from. Others read only the atomics without the lock."""

    lock: SpinLock
    bit: Field[u64]  # the processor in a mask
    current: Field[Entity | None]  # whom the processor runs
    since: Field[u64]  # ns: `current` has been charged up to here
    decide_at: Field[u64]  # ns: when the next decision is due, NEVER for none
    level: Atomic[u64]  # of `fair`, as they were last: virtual time,
    load: Atomic[u64]  # weight,
    span: Atomic[u64]  # average length of requests
    victim: Field[u32]  # which processor is asked next for work
    leaving: Field[Entity | None]  # ring of those that this processor is about to put into other queues
    throttled: Field[Entity | None]  # ring of those whose cap is used up, in the order of their windows
    servers: Array[Entity | None] = count(SERVERS_MAX)
    servers_used: Field[u32]  # bit n: servers[n] is there; of these
    servers_ready: Field[u32]  # want to run and may
    servers_waiting: Field[u32]  # want to run, and get their budget at their deadline
    reserved: Field[u32]  # parts per million of the processor that the servers may use
    decisions: Field[u64]
    switches: Field[u64]
    pulls: Field[u64]  # entities that came from another processor's queue
    fair: FairQueue


class Processors(Struct):
    """Who is there; and as masks (bit n: processor n) who idles, where ordinary entities wait that may run elsewhere,
    and whom somebody has to interrupt because its queue has changed: whoever calls the scheduler takes `kicks`
    afterwards and sends the interrupts."""

    count: Field[u32]
    turn: Atomic[u32]  # whom a wake-up compares its processor with
    idle: Atomic[u64]
    crowded: Atomic[u64]
    kicks: Atomic[u64]


PROCESSORS = storage(Processors)
QUEUES = storage_array(RunQueue, CPUS_MAX)


@fn
def queues_start(processors: u32) -> None:
    """Empty queues, for 1 to CPUS_MAX processors, all idle."""
    assert processors != 0
    PROCESSORS.count = processors
    PROCESSORS.turn.store(0)
    PROCESSORS.idle.store(all_processors())
    PROCESSORS.crowded.store(0)
    PROCESSORS.kicks.store(0)
    for i in range(processors):
        queue = QUEUES[i]
        queue.zero()
        lock_start(queue.lock, LockPlace.RUN_QUEUE)
        queue.decide_at = NEVER
        queue.bit = processor_bit(i)


@fn
def all_processors() -> u64:
    """A mask of all that are there."""
    return ~u64(0) >> (CPUS_MAX - PROCESSORS.count)


@fn(inline=True)
def processor_bit(cpu: u32) -> u64:
    """The processor in a mask."""
    return u64(1) << cpu


@fn
def kick(cpu: u32) -> None:
    """Let processor `cpu` decide anew."""
    PROCESSORS.kicks.fetch_or(processor_bit(cpu))


@fn
def claim_idle(allowed: u64, first_choice: u32) -> u32 | None:
    """An idle processor among the allowed ones, which nobody else then gets; `first_choice` if it is one."""
    idle = PROCESSORS.idle.load() & allowed
    while idle != 0:
        cpu = first_choice if idle & processor_bit(first_choice) != 0 else u32(idle.trailing_zeros())
        before = PROCESSORS.idle.fetch_and(~processor_bit(cpu))
        if before & processor_bit(cpu) != 0:
            return cpu
        idle = before & allowed & ~processor_bit(cpu)
    return None


@fn
def highest_level(among: u64) -> u64 | None:
    """The greatest virtual time of the busy processors of a mask; one look at each."""
    rest = among & all_processors() & ~PROCESSORS.idle.load()
    if rest == 0:
        return None
    level = QUEUES[rest.trailing_zeros()].level.load()
    while rest != 0:
        other = QUEUES[rest.trailing_zeros()].level.load()
        rest = rest & (rest - 1)
        if is_before(level, other):
            level = other
    return level


@fn
def is_realtime(entity: Entity) -> bool:
    """Served by budget and period, not by weight."""
    return entity.budget != 0
