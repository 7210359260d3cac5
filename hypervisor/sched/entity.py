"""What is scheduled: an entity (one virtual CPU), and the share that the entities of one VM have together."""

from __future__ import annotations

from codegen.lang import Atomic, Field, HwEnum, Struct, fn, i64, max, min, u32, u64
from hypervisor.cpu.spin_lock import LockPlace, SpinLock, lock_start

SLICE = 3_000_000  # ns: what one request asks for
WEIGHT_MAX = 10_000
WEIGHT_SCALE = 16  # a share's weight is divided among its entities with this precision
UNIT = 1 << 20  # virtual time of an entity of weight 1 that has run for 1 ns
CHARGE_MAX = 1 << 32  # ns: longer runs (a machine that stood still) are charged no more
CAP_WINDOW = 50_000_000  # ns: over which a cap holds
NO_WINDOW = 0xFFFF_FFFF_FFFF_FFFF


class EntityState(HwEnum, repr=u32):
    """Where an entity is."""

    BLOCKED = 0  # nothing to do
    WAITING = 1  # in its processor's queue
    RUNNING = 2
    THROTTLED = 3  # it could run, but its cap or its budget is used up
    MOVING = 4  # between two queues


class Share(Struct, align=64):
    """A VM's part of the machine: `weight` in relation to other shares, and at most `quota` ns in each CAP_WINDOW."""

    weight: Field[u32]  # 1 to WEIGHT_MAX
    active: Atomic[u32]  # entities that are not BLOCKED
    lock: SpinLock  # for the following
    quota: Field[u64]  # 0: no cap
    window: Field[u64]  # number of the CAP_WINDOW for which `left` holds, NO_WINDOW before the first
    left: Field[i64]  # ns; below 0 after a late preemption


class Entity(Struct, align=64):
    """One virtual CPU as the scheduler sees it. The queue of processor `cpu` owns it: that queue's lock guards it."""

    next: Field[Entity | None]  # in a circular list of a queue
    previous: Field[Entity | None]
    share: Field[Share]
    state: Field[EntityState]
    cpu: Field[u32]
    allowed: Field[u64]  # bit n: may run on processor n
    tag: Field[u32]  # its owner's number for it
    woken: Field[bool]  # a wake-up came while it was running: it does not block
    weight: Field[u64]  # with which it takes part in its queue
    virtual_time: Field[u64]  # service received, in ns * UNIT / weight; wraps
    start: Field[u64]  # virtual time at which its request became due (eligible)
    deadline: Field[u64]  # virtual time by which the request should be served
    length: Field[u64]  # virtual length of a request
    rank: Field[u32]  # class of `length`, and slot within it, where it waits
    slot: Field[u32]
    grant: Field[u64]  # ns taken from the share's quota and not yet run
    grant_window: Field[u64]
    budget: Field[u64]  # real time: ns in each `period`; 0: an ordinary entity
    period: Field[u64]
    server: Field[u32]  # its number among the processor's servers
    server_deadline: Field[u64]  # ns
    server_left: Field[u64]  # ns of the budget until `server_deadline`
    server_debt: Field[u64]  # ns run beyond the budget
    ran: Field[u64]  # ns, in all


@fn
def share_start(share: Share, weight: u32, cap: u32) -> None:
    """A share without entities. `cap` in percent of one processor, 0 for none."""
    lock_start(share.lock, LockPlace.SHARE)
    share.active.store(0)
    share.weight = min(max(weight, u32(1)), WEIGHT_MAX)
    share.window = NO_WINDOW
    share.left = 0
    share.quota = u64(cap) * (CAP_WINDOW // 100)


@fn
def share_change(share: Share, weight: u32, cap: u32) -> None:
    """Another weight, or cap, from the next request, or CAP_WINDOW, on."""
    share.weight = min(max(weight, u32(1)), WEIGHT_MAX)
    with share.lock:
        share.quota = u64(cap) * (CAP_WINDOW // 100)


@fn
def entity_start(entity: Entity, share: Share, tag: u32, allowed: u64) -> None:
    """A blocked entity that has never run. `allowed` names at least one processor."""
    entity.zero()
    entity.share = share
    entity.tag = tag
    entity.allowed = allowed
    entity.cpu = u32(allowed.trailing_zeros())


@fn(inline=True)
def is_before(a: u64, b: u64) -> bool:
    """Whether virtual time `a` comes before `b`: both wrap, and are less than half the circle apart."""
    return i64.trunc(a.wrapping_sub(b)) < 0


@fn
def charge_virtual(entity: Entity, ns: u64) -> u64:
    """The virtual time that `ns` of service are to the entity."""
    return min(ns, u64(CHARGE_MAX)) * UNIT // entity.weight


@fn
def request(entity: Entity) -> None:
    """Ask for another SLICE, due now: the share's weight is divided anew among those of its entities that want to
    run."""
    active = max(entity.share.active.load(), u32(1))
    entity.weight = max(u64(entity.share.weight) * WEIGHT_SCALE // u64(active), u64(1))
    entity.length = u64(SLICE) * UNIT // entity.weight
    entity.start = entity.virtual_time
    entity.deadline = entity.virtual_time.wrapping_add(entity.length)
