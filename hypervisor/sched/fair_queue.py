"""The waiting ordinary entities of one processor, by start and deadline in virtual time: every operation is constant.

The rule is EEVDF (Stoica and Abdel-Wahab, "Earliest Eligible Virtual Deadline First", 1995): of the requests that are
due, serve the one whose virtual deadline comes first. The structure is that of QFQ (Checconi, Rizzo and Valente, "QFQ:
Efficient Packet Scheduling with Tight Guarantees", IEEE/ACM ToN 21(3), 2013): requests of about one length form a
class; in it they lie in a ring of slots by start, so the first slot holds what is due first and ends first.
"""

from __future__ import annotations

from codegen.lang import Array, Field, Struct, count, fn, i64, max, min, u32, u64
from hypervisor.sched.entity import SLICE, UNIT, WEIGHT_MAX, WEIGHT_SCALE, Entity, is_before, request
from hypervisor.sched.ring import ring_append, ring_remove

SLOTS = 32
SHORTEST = (SLICE * UNIT // (WEIGHT_MAX * WEIGHT_SCALE) - 1).bit_length()  # log2 of the first class's slot
CLASSES = (SLICE * UNIT - 1).bit_length() - SHORTEST + 1
LAG_MAX = 16  # requests: so far from its new queue's virtual time does an entity begin there that was elsewhere
DEBT_MAX = 2  # requests: so far ahead of it one that slept


class SlotClass(Struct):
    """Requests of a length above half a slot and up to one slot. `front` is the virtual time of the first slot in
    use."""

    front: Field[u64]
    used: Field[u32]  # bit n: slot n holds entities
    slots: Array[Entity | None] = count(SLOTS)  # the first of a ring each


class FairQueue(Struct):
    """The entities that compete for one processor: those that wait here and the one that runs. Their average of virtual
    time, by weight, is the queue's: `base + moment / load`."""

    base: Field[u64]
    load: Field[u64]  # sum of weights
    moment: Field[i64]  # sum of weight * (virtual_time - base)
    members: Field[u32]  # how many compete
    used: Field[u32]  # bit n: class n holds entities
    waiting: Field[u32]
    movable: Field[u32]  # waiting entities that may run elsewhere
    classes: Array[SlotClass] = count(CLASSES)


@fn
def fair_now(queue: FairQueue) -> u64:
    """The queue's virtual time. `base` moves there, which keeps `moment` small."""
    if queue.load == 0:
        return queue.base
    moment = queue.moment
    if moment >= 0:
        step = u64(moment) // queue.load
        queue.base = queue.base.wrapping_add(step)
        queue.moment = moment - i64(step * queue.load)
    else:
        step = (u64(-moment) + (queue.load - 1)) // queue.load
        queue.base = queue.base.wrapping_sub(step)
        queue.moment = moment + i64(step * queue.load)
    return queue.base


@fn
def fair_join(queue: FairQueue, entity: Entity) -> None:
    """The entity competes from now on."""
    ahead = i64.trunc(entity.virtual_time.wrapping_sub(queue.base))
    queue.members = queue.members + 1
    queue.load = queue.load + entity.weight
    queue.moment = queue.moment + ahead * i64(entity.weight)


@fn
def fair_leave(queue: FairQueue, entity: Entity) -> None:
    """The entity competes no longer; it does not wait in a slot."""
    ahead = i64.trunc(entity.virtual_time.wrapping_sub(queue.base))
    queue.members = queue.members - 1
    queue.load = queue.load - entity.weight
    queue.moment = queue.moment - ahead * i64(entity.weight)


@fn
def fair_request(queue: FairQueue, entity: Entity) -> None:
    """The competing entity's next request, maybe with another weight."""
    fair_leave(queue, entity)
    request(entity)
    fair_join(queue, entity)


@fn
def fair_span(queue: FairQueue) -> u64:
    """The virtual length of the average competitor's request: so far apart are entities that are treated alike."""
    if queue.load == 0:
        return u64(0)
    return u64(queue.members) * (SLICE * UNIT) // queue.load


@fn
def fair_arrive(queue: FairQueue, entity: Entity, moved: bool) -> None:
    """An entity begins here with a new request. If it was moved while it was waiting, its virtual time goes with it;
    one that slept has no credit and little debt. Limits are in requests, its own or the average one."""
    now = fair_now(queue)
    request(entity)
    if queue.load != 0:
        span = max(entity.length, fair_span(queue))
        earliest = now.wrapping_sub(span * LAG_MAX) if moved else now
        latest = now.wrapping_add(span * (u64(LAG_MAX) if moved else u64(DEBT_MAX)))
        if is_before(entity.virtual_time, earliest):
            entity.virtual_time = earliest
        elif is_before(latest, entity.virtual_time):
            entity.virtual_time = latest
        request(entity)
    else:
        queue.base = entity.virtual_time
        queue.moment = 0
    fair_join(queue, entity)


@fn
def fair_put(queue: FairQueue, entity: Entity) -> None:
    """Let it wait. Where a start is further from the front than the ring is long, the place is only nearly right; the
    books are exact."""
    rank = 64 - u32((entity.length - 1).leading_zeros())
    index = rank - SHORTEST
    slots = queue.classes[index]
    size = u64(1) << rank
    start = entity.start & ~(size - 1)
    distance = u32(0)
    if slots.used == 0:
        slots.front = start
    elif is_before(start, slots.front):
        room = u64(in_order(slots, rank).leading_zeros())
        back = min(slots.front.wrapping_sub(start) >> rank, room)
        slots.front = slots.front.wrapping_sub(back << rank)
    else:
        distance = u32(min(start.wrapping_sub(slots.front) >> rank, u64(SLOTS - 1)))
    entity.rank = rank
    entity.slot = (first_slot(slots, rank) + distance) & (SLOTS - 1)
    slots.slots[entity.slot] = ring_append(slots.slots[entity.slot], entity)
    slots.used = slots.used | u32(1) << entity.slot
    queue.used = queue.used | u32(1) << index
    queue.waiting = queue.waiting + 1
    if entity.allowed & (entity.allowed - 1) != 0:
        queue.movable = queue.movable + 1


@fn
def fair_take(queue: FairQueue, entity: Entity) -> None:
    """It waits no longer."""
    rank = entity.rank
    slots = queue.classes[rank - SHORTEST]
    rest = ring_remove(slots.slots[entity.slot], entity)
    slots.slots[entity.slot] = rest
    if rest is None:
        slots.used = slots.used & ~(u32(1) << entity.slot)
        if slots.used == 0:
            queue.used = queue.used & ~(u32(1) << (rank - SHORTEST))
        else:
            empty = u64(in_order(slots, rank).trailing_zeros())
            slots.front = slots.front.wrapping_add(empty << rank)
    queue.waiting = queue.waiting - 1
    if entity.allowed & (entity.allowed - 1) != 0:
        queue.movable = queue.movable - 1


@fn
def fair_first(queue: FairQueue, now: u64, somebody: bool) -> Entity | None:
    """Of those that are due at virtual time `now`, the one with the earliest deadline: one look at each class. With
    `somebody`, who is due next when nobody is due yet."""
    best: Entity | None = None
    next_due: Entity | None = None
    next_front = u64(0)
    rest = queue.used
    while rest != 0:
        index = rest.trailing_zeros()
        rest = rest & (rest - 1)
        slots = queue.classes[index]
        head = slots.slots[first_slot(slots, index + SHORTEST)]
        if head is not None:
            if not is_before(now, slots.front):
                if best is None or is_before(head.deadline, best.deadline):
                    best = head
            elif next_due is None or is_before(slots.front, next_front):
                next_due = head
                next_front = slots.front
    if best is None and somebody:
        return next_due
    return best


@fn(inline=True)
def first_slot(slots: SlotClass, rank: u32) -> u32:
    """The number of the slot at `front`."""
    return u32(slots.front >> rank & (SLOTS - 1))


@fn(inline=True)
def in_order(slots: SlotClass, rank: u32) -> u32:
    """`used`, with the slot at `front` as bit 0."""
    return slots.used.rotate_left((SLOTS - first_slot(slots, rank)) & (SLOTS - 1))
