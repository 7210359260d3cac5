"""What the monitor calls: decide, block, wake, retire. Times are ns of one clock; nobody holds two queues."""

from __future__ import annotations

from codegen.lang import HwEnum, fn, max, range, u32, u64
from hypervisor.cpu.per_cpu import CPUS_MAX
from hypervisor.sched.cap import stop_using_grant
from hypervisor.sched.decide import charge, choose, publish
from hypervisor.sched.entity import Entity, EntityState, is_before
from hypervisor.sched.fair_queue import (
    CLASSES,
    SHORTEST,
    SLOTS,
    FairQueue,
    fair_arrive,
    fair_leave,
    fair_now,
    fair_put,
    fair_request,
    fair_take,
    first_slot,
)
from hypervisor.sched.queues import (
    PROCESSORS,
    QUEUES,
    RunQueue,
    claim_idle,
    highest_level,
    is_realtime,
    kick,
    processor_bit,
)
from hypervisor.sched.realtime import server_sleep, server_wake
from hypervisor.sched.ring import ring_remove


class Wake(HwEnum, repr=u32):
    """What is left to do to wake an entity."""

    DONE = 0
    GONE = 1  # it has just gone to another queue: look there
    PLACE = 2  # it is between queues, and wants one


BEHIND = 2  # requests: so far behind a processor's virtual time is somebody whom it takes from another one
PROBES = 8  # processors that one decision may look at to take somebody from
WAKE_CREDIT = 1  # requests: so far behind busy processors does an entity begin on an idle one


@fn
def decide(cpu: u32, now: u64) -> Entity | None:
    """Whom processor `cpu` runs now, until `decide_at` of its queue or until it is kicked; None: it idles so long."""
    queue = QUEUES[cpu]
    if PROCESSORS.idle.load() & queue.bit != 0:
        PROCESSORS.idle.fetch_and(~queue.bit)  # nobody, this decision least of all, sends it more than one entity
    if now >= queue.decide_at and queue.fair.load != 0:
        balance(cpu, now)
    chosen = choose_and_offer(queue, now)
    while chosen is None:
        # Idle first, then look: whoever begins to wait after the look sees the bit.
        PROCESSORS.idle.fetch_or(queue.bit)
        if not pull_any(cpu, now):
            break
        PROCESSORS.idle.fetch_and(~queue.bit)
        chosen = choose_and_offer(queue, now)  # nobody again when the cap of who came is reached
    return chosen


@fn
def choose_and_offer(queue: RunQueue, now: u64) -> Entity | None:
    """Choose; whom the choice leaves waiting has a place on an idle processor if there is one. Who came while nobody
    ran here was to run at once, but a later one may be preferred."""
    with queue.lock:
        nobody_ran = queue.current is None
        chosen = choose(queue, now)
        if nobody_ran and queue.fair.movable != 0:
            offer_waiting(queue)
    hand_over(queue, now)
    return chosen


@fn
def offer_waiting(queue: RunQueue) -> None:
    """Under the queue's lock: each idle processor that somebody who waits here may use looks for work."""
    idle = PROCESSORS.idle.load() & ~queue.bit
    while idle != 0:
        entity = find_allowed(queue.fair, idle)
        if entity is None:
            return
        kick_idle(entity)
        idle = idle & PROCESSORS.idle.load()


@fn
def block(cpu: u32, now: u64) -> bool:
    """Whom processor `cpu` runs has nothing to do. False when it was woken meanwhile: then it goes on."""
    queue = QUEUES[cpu]
    with queue.lock:
        entity = queue.current
        if entity is None:
            return False
        charge(queue, now)
        if entity.woken:
            entity.woken = False
            return False
        withdraw(queue, entity)
        return True


@fn
def yield_turn(cpu: u32, now: u64) -> None:
    """Whom processor `cpu` runs waits for somebody else: its request goes behind theirs."""
    queue = QUEUES[cpu]
    with queue.lock:
        entity = queue.current
        if entity is not None and not is_realtime(entity):
            charge(queue, now)
            fair_request(queue.fair, entity)
            entity.deadline = entity.deadline.wrapping_add(entity.length)


@fn
def wake(entity: Entity, now: u64) -> None:
    """A blocked entity has something to do. On a running one: it does not block the next time."""
    found = begin_wake(entity, now)
    while found == Wake.GONE:
        found = begin_wake(entity, now)
    if found == Wake.PLACE:
        idle = claim_idle(entity.allowed, entity.cpu)
        enter(lighter(entity) if idle is None else idle, entity, now, False)


@fn
def lighter(entity: Entity) -> u32:
    """Where an entity waits when no processor idles: where it was last, or on one other processor if that has clearly
    less to do (Mitzenmacher, "The Power of Two Choices", IEEE TPDS 12(10), 2001)."""
    home = entity.cpu
    if entity.allowed & processor_bit(home) == 0:
        home = u32(entity.allowed.trailing_zeros())
    other = PROCESSORS.turn.fetch_add(1) % PROCESSORS.count
    if entity.allowed & processor_bit(other) != 0:
        if QUEUES[other].load.load() + entity.weight < QUEUES[home].load.load():
            return other
    return home


@fn
def begin_wake(entity: Entity, now: u64) -> Wake:
    """Under the lock of its queue."""
    cpu = entity.cpu
    queue = QUEUES[cpu]
    with queue.lock:
        if entity.cpu != cpu:
            return Wake.GONE
        if entity.state != EntityState.BLOCKED:
            entity.woken = entity.state == EntityState.RUNNING
            return Wake.DONE
        entity.share.active.fetch_add(1)
        if not is_realtime(entity):
            entity.state = EntityState.MOVING
            return Wake.PLACE
        if not server_wake(queue, entity, now) or preempts(queue, entity):
            kick(cpu)
        return Wake.DONE


@fn
def retire(entity: Entity, cpu: u32, now: u64) -> bool:
    """Block an entity whatever it does. False when it runs on, or moves between, other processors than the calling one,
    `cpu`: they are kicked, and the caller tries again."""
    home = entity.cpu
    queue = QUEUES[home]
    with queue.lock:
        if entity.cpu != home or entity.state == EntityState.MOVING:
            return False
        if entity is queue.current:
            if home != cpu:
                kick(home)
                return False
            charge(queue, now)
        entity.woken = False
        if entity.state != EntityState.BLOCKED:
            withdraw(queue, entity)
        return True


@fn(cold=True)
def allow(entity: Entity, allowed: u64, now: u64) -> bool:
    """Let an ordinary entity run on these processors, at least one, and no other: at once where it waits, and from its
    processor's next decision on where it runs. False when it moves between two queues: the caller tries again."""
    assert not is_realtime(entity) and allowed != 0
    home = entity.cpu
    queue = QUEUES[home]
    with queue.lock:
        if entity.cpu != home or entity.state == EntityState.MOVING:
            return False
        waits = entity.state == EntityState.WAITING or entity.state == EntityState.THROTTLED
        if waits:
            withdraw(queue, entity)
        entity.allowed = allowed
        if entity.state == EntityState.RUNNING:
            kick(home)
    if waits:
        wake(entity, now)
    return True


@fn
def withdraw(queue: RunQueue, entity: Entity) -> None:
    """Under the queue's lock: out of it, from any state."""
    if is_realtime(entity):
        server_sleep(queue, entity)
    elif entity.state == EntityState.THROTTLED:
        queue.throttled = ring_remove(queue.throttled, entity)
    else:
        if entity.state == EntityState.WAITING:
            fair_take(queue.fair, entity)
        stop_using_grant(entity)
        fair_leave(queue.fair, entity)
    if entity is queue.current:
        queue.current = None
    entity.state = EntityState.BLOCKED
    entity.share.active.fetch_sub(1)
    publish(queue)


@fn
def enter(cpu: u32, entity: Entity, now: u64, moved: bool) -> None:
    """A moving ordinary entity waits on processor `cpu`, which decides anew if that may be whom it runs."""
    queue = QUEUES[cpu]
    with queue.lock:
        charge(queue, now)
        entity.cpu = cpu
        if queue.fair.load == 0 and not moved:
            join_level(entity, cpu)
        fair_arrive(queue.fair, entity, moved)
        entity.state = EntityState.WAITING
        fair_put(queue.fair, entity)
        if queue.current is not None:
            kick_idle(entity)  # it went idle after the place was chosen
        if preempts(queue, entity):
            kick(cpu)
        publish(queue)


@fn
def hand_over(queue: RunQueue, now: u64) -> None:
    """Entities that a decision has put aside for idle processors go there."""
    entity = queue.leaving
    while entity is not None:
        queue.leaving = ring_remove(entity, entity)
        enter(entity.cpu, entity, now, True)
        entity = queue.leaving


@fn
def kick_idle(entity: Entity) -> None:
    """An idle processor that a waiting entity may use looks for work."""
    idle = claim_idle(entity.allowed, entity.cpu)
    if idle is not None:
        kick(idle)


@fn
def join_level(entity: Entity, cpu: u32) -> None:
    """Who wakes where nobody competes has no credit against those on other processors."""
    level = highest_level(entity.allowed & ~processor_bit(cpu))
    if level is not None:
        earliest = level.wrapping_sub(entity.length * WAKE_CREDIT)
        if is_before(entity.virtual_time, earliest):
            entity.virtual_time = earliest


@fn
def preempts(queue: RunQueue, entity: Entity) -> bool:
    """Whether a waiting entity may be whom the processor should run now."""
    running = queue.current
    if running is None:
        return True
    if is_realtime(entity):
        return not is_realtime(running) or entity.server_deadline < running.server_deadline
    if is_realtime(running) or is_before(fair_now(queue.fair), entity.start):
        return False
    return is_before(entity.deadline, running.deadline)


@fn
def balance(cpu: u32, now: u64) -> None:
    """At the end of a request, look at PROBES other processors where somebody waits: who may run here and is behind in
    virtual time comes here from the one that is furthest behind. So virtual time, and with it service by weight, is one
    for all processors."""
    queue = QUEUES[cpu]
    level = queue.level.load()
    crowded = PROCESSORS.crowded.load() & ~queue.bit
    behind: RunQueue | None = None
    for _ in range(PROBES):
        if crowded == 0:
            break
        queue.victim = next_processor(crowded, queue.victim)
        crowded = crowded & ~processor_bit(queue.victim)
        other = QUEUES[queue.victim]
        if is_before(other.level.load(), level) and (
            behind is None or is_before(other.level.load(), behind.level.load())
        ):
            behind = other
    if behind is not None:
        entity = take_behind(behind, queue.bit, level, queue.span.load())
        if entity is not None:
            queue.pulls = queue.pulls + 1
            enter(cpu, entity, now, True)


@fn
def next_processor(among: u64, after: u32) -> u32:
    """The first one of the mask behind `after`, in a circle."""
    return u32(among.rotate_left(63 - after).trailing_zeros()) + after + 1 & (CPUS_MAX - 1)


@fn
def take_behind(queue: RunQueue, bit: u64, level: u64, span: u64) -> Entity | None:
    """Of the first ones of each class, the one with the earliest deadline that is BEHIND `level`, by its own measure
    and by that of the taker, whose average request is `span`."""
    with queue.lock:
        best: Entity | None = None
        rest = queue.fair.used
        while rest != 0:
            index = rest.trailing_zeros()
            rest = rest & (rest - 1)
            slots = queue.fair.classes[index]
            head = slots.slots[first_slot(slots, index + SHORTEST)]
            if head is not None and head.allowed & bit != 0:
                if is_before(head.virtual_time.wrapping_add(max(head.length, span) * BEHIND), level):
                    if best is None or is_before(head.deadline, best.deadline):
                        best = head
        if best is not None:
            depart(queue, best)
        return best


@fn
def pull_any(cpu: u32, now: u64) -> bool:
    """An idle processor takes anybody who waits elsewhere and may run here. This alone may look at every waiting
    entity, and only at those of processors where one waits that may leave."""
    queue = QUEUES[cpu]
    crowded = PROCESSORS.crowded.load() & ~queue.bit
    while crowded != 0:
        queue.victim = next_processor(crowded, queue.victim)
        crowded = crowded & ~processor_bit(queue.victim)
        entity = take_any(QUEUES[queue.victim], queue.bit)
        if entity is not None:
            queue.pulls = queue.pulls + 1
            enter(cpu, entity, now, True)
            return True
    return False


@fn
def take_any(queue: RunQueue, bit: u64) -> Entity | None:
    """Somebody who waits and may run on the processor of `bit`."""
    with queue.lock:
        entity = find_allowed(queue.fair, bit)
        if entity is not None:
            depart(queue, entity)
        return entity


@fn
def find_allowed(queue: FairQueue, bit: u64) -> Entity | None:
    """By class, slot and order of arrival."""
    for index in range(CLASSES):
        slots = queue.classes[index]
        for slot in range(SLOTS):
            first = slots.slots[slot]
            entity = first
            while entity is not None:
                if entity.allowed & bit != 0:
                    return entity
                following = entity.next
                entity = None if following is first else following
    return None


@fn
def depart(queue: RunQueue, entity: Entity) -> None:
    """Under the queue's lock: a waiting ordinary entity leaves for another processor."""
    fair_take(queue.fair, entity)
    fair_leave(queue.fair, entity)
    entity.state = EntityState.MOVING
    publish(queue)
