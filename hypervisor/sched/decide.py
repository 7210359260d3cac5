"""A processor's decision: whom it runs now, and until when."""

from __future__ import annotations

from codegen.lang import fn, i64, min, range, u32, u64
from hypervisor.sched.cap import charge_grant, stop_using_grant, take_grant, window_end
from hypervisor.sched.entity import CAP_WINDOW, UNIT, Entity, EntityState, charge_virtual, is_before
from hypervisor.sched.fair_queue import (
    LAG_MAX,
    fair_arrive,
    fair_first,
    fair_join,
    fair_leave,
    fair_now,
    fair_put,
    fair_request,
    fair_span,
    fair_take,
)
from hypervisor.sched.queues import (
    NEVER,
    PROCESSORS,
    RunQueue,
    claim_idle,
    highest_level,
    is_realtime,
    processor_bit,
)
from hypervisor.sched.realtime import first_server, refill_servers, server_charge
from hypervisor.sched.ring import ring_append, ring_remove

RELEASES = 4  # throttled entities that one decision lets go on; the next one follows at once


@fn
def choose(queue: RunQueue, now: u64) -> Entity | None:
    """Under the queue's lock: charge whom the processor has run, and say whom it runs until `decide_at`."""
    charge(queue, now)
    expel(queue)
    release_throttled(queue, now)
    next_refill = refill_servers(queue, now)
    chosen = first_server(queue)
    if chosen is None:
        chosen = choose_fair(queue, now)
    switch(queue, chosen, now)
    queue.decide_at = min(end_of_turn(queue, now), next_refill)
    queue.decisions = queue.decisions + 1
    publish(queue)
    return chosen


@fn
def publish(queue: RunQueue) -> None:
    """What other processors look at without the lock."""
    queue.level.store(queue.fair.base)
    queue.load.store(queue.fair.load)
    queue.span.store(fair_span(queue.fair))
    crowded = PROCESSORS.crowded.load() & queue.bit != 0
    if queue.fair.movable != 0 and not crowded:
        PROCESSORS.crowded.fetch_or(queue.bit)
    elif queue.fair.movable == 0 and crowded:
        PROCESSORS.crowded.fetch_and(~queue.bit)


@fn
def charge(queue: RunQueue, now: u64) -> None:
    """The running entity has used its processor until `now`."""
    entity = queue.current
    if entity is None or now <= queue.since:
        return
    ran = now - queue.since
    queue.since = now
    entity.ran = entity.ran.wrapping_add(ran)
    if is_realtime(entity):
        server_charge(queue, entity, ran)
        return
    step = charge_virtual(entity, ran)
    entity.virtual_time = entity.virtual_time.wrapping_add(step)
    queue.fair.moment = queue.fair.moment + i64(step * entity.weight)
    charge_grant(entity, ran)


@fn
def expel(queue: RunQueue) -> None:
    """The running entity may not run here any more: it leaves when the lock is released (`hand_over`)."""
    entity = queue.current
    if entity is None or entity.allowed & queue.bit != 0:
        return
    stop_using_grant(entity)
    fair_leave(queue.fair, entity)
    queue.current = None
    other = claim_idle(entity.allowed, entity.cpu)
    leave_for(queue, entity, u32(entity.allowed.trailing_zeros()) if other is None else other)


@fn
def leave_for(queue: RunQueue, entity: Entity, cpu: u32) -> None:
    """It competes here no longer."""
    entity.state = EntityState.MOVING
    entity.cpu = cpu
    queue.leaving = ring_append(queue.leaving, entity)


@fn
def release_throttled(queue: RunQueue, now: u64) -> None:
    """A new window: capped entities go on, without credit for the time in which they could not."""
    for _ in range(RELEASES):
        entity = queue.throttled
        if entity is None or not is_released(entity, now):
            return
        queue.throttled = ring_remove(entity, entity)
        fair_arrive(queue.fair, entity, False)
        wait(queue, entity)


@fn
def is_released(entity: Entity, now: u64) -> bool:
    """The window whose quota was used up has ended."""
    return entity.grant_window != now // CAP_WINDOW


@fn
def wait(queue: RunQueue, entity: Entity) -> None:
    """A competing ordinary entity waits here, unless an idle processor may take it: it leaves for that one when the
    lock is released (`hand_over`)."""
    other = claim_idle(entity.allowed, entity.cpu)
    if other is None:
        entity.state = EntityState.WAITING
        fair_put(queue.fair, entity)
    else:
        fair_leave(queue.fair, entity)
        leave_for(queue, entity, other)


@fn
def choose_fair(queue: RunQueue, now: u64) -> Entity | None:
    """The ordinary entity whose turn it is, with a grant if its share is capped. Each entity whose share has used its
    quota up is throttled once in a window."""
    while True:
        entity = first_fair(queue)
        if entity is None or entity.share.quota == 0:
            return entity
        if take_grant(entity, now, time_left(entity)) != 0:
            return entity
        throttle(queue, entity)


@fn
def first_fair(queue: RunQueue) -> Entity | None:
    """The running entity, while nobody who is due has an earlier deadline, or the first of the waiting ones."""
    running = queue.current
    if running is None or is_realtime(running) or running.state != EntityState.RUNNING:
        return fair_first(queue.fair, fair_now(queue.fair), True)
    if not is_before(running.virtual_time, running.deadline):
        fair_request(queue.fair, running)
        follow_others(queue, running)
    now = fair_now(queue.fair)
    other = fair_first(queue.fair, now, False)
    if other is None or not is_before(now, running.start) and not is_before(other.deadline, running.deadline):
        return running
    return other


@fn
def follow_others(queue: RunQueue, entity: Entity) -> None:
    """An entity that is alone cannot have more than its processor: what its weight would give it beyond that is
    forgotten, so that it does not claim it from somebody later (the infeasible weights of Chandra et al., "Surplus Fair
    Scheduling", OSDI 2000)."""
    if queue.fair.load != entity.weight:
        return
    level = highest_level(entity.allowed & ~processor_bit(entity.cpu))
    if level is not None:
        earliest = level.wrapping_sub(entity.length * LAG_MAX)
        if is_before(entity.virtual_time, earliest):
            fair_leave(queue.fair, entity)
            entity.virtual_time = earliest
            fair_join(queue.fair, entity)
            fair_request(queue.fair, entity)


@fn
def throttle(queue: RunQueue, entity: Entity) -> None:
    """Its cap is reached: it does not compete before the next window."""
    if entity is queue.current:
        queue.current = None
    else:
        fair_take(queue.fair, entity)
    fair_leave(queue.fair, entity)
    entity.state = EntityState.THROTTLED
    queue.throttled = ring_append(queue.throttled, entity)


@fn
def switch(queue: RunQueue, chosen: Entity | None, now: u64) -> None:
    """Put back whom the processor has run, take out whom it runs."""
    old = queue.current
    queue.since = now
    if old is not None and old is not chosen and old.state == EntityState.RUNNING:
        if is_realtime(old):
            old.state = EntityState.WAITING
        else:
            stop_using_grant(old)
            wait(queue, old)
    if chosen is not None and chosen.state != EntityState.RUNNING:
        if not is_realtime(chosen):
            fair_take(queue.fair, chosen)
        chosen.state = EntityState.RUNNING
        queue.switches = queue.switches + 1
    queue.current = chosen


@fn
def end_of_turn(queue: RunQueue, now: u64) -> u64:
    """When the running entity has had its time, or a throttled one may go on."""
    end = u64(NEVER)
    entity = queue.current
    if entity is not None:
        if is_realtime(entity):
            end = now + entity.server_left
        else:
            end = now + (entity.grant if entity.share.quota != 0 else time_left(entity))
    throttled = queue.throttled
    if throttled is not None:
        end = min(end, now if is_released(throttled, now) else window_end(now))
    return end


@fn
def time_left(entity: Entity) -> u64:
    """ns until the entity's request is served."""
    if not is_before(entity.virtual_time, entity.deadline):
        return u64(0)
    return (entity.deadline.wrapping_sub(entity.virtual_time) * entity.weight + (UNIT - 1)) // UNIT
