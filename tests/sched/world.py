"""A simulated machine in the language itself: guests that run and block by chance, processors, and virtual time. It
drives the scheduler's own functions; Python sets guests up and reads what became of them."""

from __future__ import annotations

from codegen.lang import Array, Field, Struct, count, fn, i64, len, max, min, range, storage, storage_array, u32, u64
from hypervisor.cpu.per_cpu import CPUS_MAX
from hypervisor.sched.entity import Entity, EntityState, Share
from hypervisor.sched.queues import NEVER, PROCESSORS, QUEUES, is_realtime, processor_bit, queues_start
from hypervisor.sched.scheduler import block, decide, wake

GUESTS_MAX = 4096
LOOK_EVERY = 61  # events between two looks at idle processors


class Guest(Struct):
    """One entity's work. All times in ns."""

    run_min: Field[u64]  # a burst of work
    run_max: Field[u64]
    sleep_min: Field[u64]  # between two bursts
    sleep_max: Field[u64]  # 0: it never blocks
    every: Field[u64]  # not 0: bursts come so often instead, however long they take
    due: Field[u64]  # a burst should be done so long after the wake-up
    work: Field[u64]  # left of this burst
    wakes_at: Field[u64]
    woke_at: Field[u64]
    fresh: Field[bool]  # woken, and not yet run
    wakes: Field[u64]
    latency_max: Field[u64]
    latency_sum: Field[u64]
    response_max: Field[u64]
    missed: Field[u64]  # bursts that were done too late


class World(Struct):
    """The machine."""

    now: Field[u64]
    seed: Field[u64]
    guests: Field[u32]
    jitter: Field[u64]  # a processor reacts so late at most
    events: Field[u64]
    sleepers: Field[u32]
    acts_at: Array[u64] = count(CPUS_MAX)
    began: Array[u64] = count(CPUS_MAX)
    idle: Array[u64] = count(CPUS_MAX)
    misplaced: Field[u64]  # an entity ran where it may not
    idle_while_waiting: Field[u64]  # a processor idled although somebody waited who may use it


WORLD = storage(World)
GUESTS = storage_array(Guest, GUESTS_MAX)
ENTITIES = storage_array(Entity, GUESTS_MAX)
SHARES = storage_array(Share, GUESTS_MAX)


class Sleepers(Struct):
    """A heap of guests by the time at which they wake."""

    heap: Array[u32] = count(GUESTS_MAX)


SLEEPERS = storage(Sleepers)


@fn
def begin(processors: u32, seed: u64, jitter: u64) -> None:
    """An empty world."""
    queues_start(processors)
    WORLD.zero()
    WORLD.seed = max(seed, u64(1))
    WORLD.jitter = jitter
    for i in range(processors):
        WORLD.acts_at[i] = NEVER


@fn
def between(low: u64, high: u64) -> u64:
    """A number of that range, both ends included (xorshift64)."""
    x = WORLD.seed
    x = x ^ x << 13
    x = x ^ x >> 7
    x = x ^ x << 17
    WORLD.seed = x
    return low + x % (high - low + 1)


@fn
def let_sleep(guest: u32, until: u64) -> None:
    """Into the heap."""
    GUESTS[guest].wakes_at = until
    place = WORLD.sleepers
    WORLD.sleepers = place + 1
    while place != 0 and GUESTS[SLEEPERS.heap[(place - 1) // 2]].wakes_at > until:
        SLEEPERS.heap[place] = SLEEPERS.heap[(place - 1) // 2]
        place = (place - 1) // 2
    SLEEPERS.heap[place] = guest


@fn
def next_sleeper() -> u32:
    """Out of the heap: who wakes first."""
    first = SLEEPERS.heap[0]
    WORLD.sleepers = WORLD.sleepers - 1
    last = SLEEPERS.heap[WORLD.sleepers]
    place = u32(0)
    while place * 2 + 1 < WORLD.sleepers:
        child = place * 2 + 1
        if child + 1 < WORLD.sleepers:
            if GUESTS[SLEEPERS.heap[child + 1]].wakes_at < GUESTS[SLEEPERS.heap[child]].wakes_at:
                child = child + 1
        if GUESTS[last].wakes_at <= GUESTS[SLEEPERS.heap[child]].wakes_at:
            break
        SLEEPERS.heap[place] = SLEEPERS.heap[child]
        place = child
    SLEEPERS.heap[place] = last
    return first


@fn
def run(events: u64) -> u64:
    """So many events, or until nothing will ever happen; how many decisions all processors have made."""
    for _ in range(events):
        if not step():
            break
        WORLD.events = WORLD.events + 1
        if WORLD.events % LOOK_EVERY == 0:
            look_at_idle_processors()
    decisions = u64(0)
    for i in range(PROCESSORS.count):
        decisions = decisions + QUEUES[i].decisions
    return decisions


@fn
def step() -> bool:
    """What comes next: a guest wakes, or a processor acts."""
    cpu = u32(0)
    for i in range(u32(1), PROCESSORS.count):
        if WORLD.acts_at[i] < WORLD.acts_at[cpu]:
            cpu = i
    moment = WORLD.acts_at[cpu]
    if WORLD.sleepers != 0 and GUESTS[SLEEPERS.heap[0]].wakes_at <= moment:
        guest = next_sleeper()
        WORLD.now = max(WORLD.now, GUESTS[guest].wakes_at)
        awaken(guest)
    elif moment == NEVER:
        return False
    else:
        WORLD.now = max(WORLD.now, moment)
        act(cpu)
    kicks = PROCESSORS.kicks.exchange(0)
    while kicks != 0:
        WORLD.acts_at[kicks.trailing_zeros()] = WORLD.now
        kicks = kicks & (kicks - 1)
    return True


@fn
def awaken(number: u32) -> None:
    """A burst of work comes in."""
    guest = GUESTS[number]
    guest.work = between(guest.run_min, guest.run_max)
    guest.woke_at = WORLD.now
    guest.fresh = True
    guest.wakes = guest.wakes + 1
    wake(ENTITIES[number], WORLD.now)


@fn
def act(cpu: u32) -> None:
    """A processor has come to the end of a turn, was interrupted, or idles."""
    now = WORLD.now
    running = QUEUES[cpu].current
    if running is None:
        WORLD.idle[cpu] = WORLD.idle[cpu] + (now - WORLD.began[cpu])
    else:
        work(cpu, running.tag, now - WORLD.began[cpu])
    WORLD.began[cpu] = now
    chosen = decide(cpu, now)
    if chosen is None:
        WORLD.acts_at[cpu] = QUEUES[cpu].decide_at
        return
    if chosen.allowed & processor_bit(cpu) == 0 or chosen.cpu != cpu or chosen.state != EntityState.RUNNING:
        WORLD.misplaced = WORLD.misplaced + 1
    guest = GUESTS[chosen.tag]
    if guest.fresh:
        guest.fresh = False
        guest.latency_max = max(guest.latency_max, now - guest.woke_at)
        guest.latency_sum = guest.latency_sum + (now - guest.woke_at)
    end = QUEUES[cpu].decide_at
    if sleeps(guest):
        end = min(end, now + guest.work)
    WORLD.acts_at[cpu] = max(end, now) + between(u64(0), WORLD.jitter)


@fn
def sleeps(guest: Guest) -> bool:
    """Whether its bursts have an end."""
    return guest.sleep_max != 0 or guest.every != 0


@fn
def work(cpu: u32, number: u32, ran: u64) -> None:
    """The running guest has got something done; when its burst is, it sleeps."""
    guest = GUESTS[number]
    if not sleeps(guest):
        return
    guest.work = guest.work.saturating_sub(ran)
    if guest.work == 0 and block(cpu, WORLD.now):
        response = WORLD.now - guest.woke_at
        guest.response_max = max(guest.response_max, response)
        if response > guest.due:
            guest.missed = guest.missed + 1
        if guest.every != 0:
            let_sleep(number, max(guest.woke_at + guest.every, WORLD.now))
        else:
            let_sleep(number, WORLD.now + between(guest.sleep_min, guest.sleep_max))


@fn
def look_at_idle_processors() -> None:
    """Nobody may wait who could run where nothing runs; but whose own processor acts at this very moment does not
    wait."""
    idle = u64(0)
    for i in range(PROCESSORS.count):
        if QUEUES[i].current is None and WORLD.acts_at[i] > WORLD.now:
            idle = idle | processor_bit(i)
    if idle != 0:
        for i in range(WORLD.guests):
            entity = ENTITIES[i]
            waits = entity.state == EntityState.WAITING and WORLD.acts_at[entity.cpu] > WORLD.now
            if waits and entity.allowed & idle != 0:
                WORLD.idle_while_waiting = WORLD.idle_while_waiting + 1


@fn
def audit() -> u32:
    """How many rules the queues break: every waiting entity is in exactly one slot, of its own processor and start;
    loads and moments are the sums that they should be; where somebody may leave from is known."""
    faults = u32(0)
    found = u32(0)
    for cpu in range(PROCESSORS.count):
        queue = QUEUES[cpu]
        here = u32(0)
        load = u64(0)
        for index in range(u32(len(queue.fair.classes))):
            slots = queue.fair.classes[index]
            for slot in range(u32(len(slots.slots))):
                first = slots.slots[slot]
                if (first is not None) != (slots.used >> slot & 1 != 0):
                    faults = faults + 1
                entity = first
                while entity is not None:
                    here = here + 1
                    if entity.cpu != cpu or entity.slot != slot or entity.state != EntityState.WAITING:
                        faults = faults + 1
                    if entity.allowed & processor_bit(cpu) == 0:
                        faults = faults + 1
                    following = entity.next
                    entity = None if following is first else following
        moment = queue.fair.moment
        for i in range(WORLD.guests):
            entity = ENTITIES[i]
            competes = entity.state == EntityState.WAITING or entity.state == EntityState.RUNNING
            if entity.cpu == cpu and competes and not is_realtime(entity):
                load = load + entity.weight
                ahead = entity.virtual_time.wrapping_sub(queue.fair.base)
                moment = moment - i64.trunc(ahead) * i64(entity.weight)
        if load != queue.fair.load or load != 0 and moment != 0 or here != queue.fair.waiting:
            faults = faults + 1
        if (PROCESSORS.crowded.load() & queue.bit != 0) != (queue.fair.movable != 0):
            faults = faults + 1
        if queue.lock.next.load() != queue.lock.serving.load():
            faults = faults + 1
        found = found + here
    waiting = u32(0)
    for i in range(WORLD.guests):
        if ENTITIES[i].state == EntityState.WAITING and not is_realtime(ENTITIES[i]):
            waiting = waiting + 1
    return faults + (u32(0) if waiting == found else u32(1))
