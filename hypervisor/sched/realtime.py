"""The real-time class of one processor: constant bandwidth servers, earliest deadline first (Abeni and Buttazzo,
"Integrating Multimedia Applications in Hard Real-Time Systems", RTSS 1998; hard reservations). A processor has at most
SERVERS_MAX servers, and every operation looks at each of them at most once."""

from __future__ import annotations

from codegen.lang import fn, min, u32, u64
from hypervisor.sched.entity import Entity, EntityState
from hypervisor.sched.queues import NEVER, QUEUES, SERVERS_MAX, RunQueue, processor_bit

PERIOD_MAX = 1_000_000_000  # ns
PERIOD_MIN = 100_000  # ns
RESERVED_MAX = 900_000  # parts per million: the rest is for ordinary entities and the monitor
MILLION = 1_000_000


@fn
def parts_of(budget: u64, period: u64) -> u32:
    """budget / period in parts per million, rounded up."""
    return u32((budget * MILLION + (period - 1)) // period)


@fn
def make_realtime(entity: Entity, cpu: u32, budget: u64, period: u64) -> bool:
    """Admit a blocked entity to the real-time class of processor `cpu`, where it stays: `budget` ns in each `period`.
    False when the processor has not so much left, or the values are out of range."""
    if period < PERIOD_MIN or period > PERIOD_MAX or budget == 0 or budget > period:
        return False
    queue = QUEUES[cpu]
    with queue.lock:
        free = ~queue.servers_used & ((1 << SERVERS_MAX) - 1)
        parts = parts_of(budget, period)
        if free == 0 or queue.reserved + parts > RESERVED_MAX or entity.state != EntityState.BLOCKED:
            return False
        entity.server = free.trailing_zeros()
        queue.servers[entity.server] = entity
        queue.servers_used = queue.servers_used | u32(1) << entity.server
        queue.reserved = queue.reserved + parts
        entity.cpu = cpu
        entity.allowed = processor_bit(cpu)
        entity.budget = budget
        entity.period = period
        entity.server_deadline = 0
        entity.server_left = 0
        entity.server_debt = 0
        return True


@fn
def dismiss_realtime(entity: Entity) -> None:
    """A blocked entity leaves the class, and its part of the processor is free."""
    queue = QUEUES[entity.cpu]
    with queue.lock:
        assert entity.state == EntityState.BLOCKED
        queue.servers[entity.server] = None
        queue.servers_used = queue.servers_used & ~(u32(1) << entity.server)
        queue.reserved = queue.reserved - parts_of(entity.budget, entity.period)
        entity.budget = 0


@fn
def server_wake(queue: RunQueue, entity: Entity, now: u64) -> bool:
    """It has work. What is left of its budget may be used until its deadline only if that keeps its bandwidth. False
    when nothing is left: it goes on at its deadline."""
    left, deadline = entity.server_left, entity.server_deadline
    bit = u32(1) << entity.server
    if now >= deadline or left * entity.period > (deadline - now) * entity.budget:
        entity.server_deadline = now + entity.period
        refill(entity)
    if entity.server_left == 0:
        entity.state = EntityState.THROTTLED
        queue.servers_waiting = queue.servers_waiting | bit
        return False
    entity.state = EntityState.WAITING
    queue.servers_ready = queue.servers_ready | bit
    return True


@fn
def refill(entity: Entity) -> None:
    """The next period's budget, less what was run too much before."""
    debt = min(entity.server_debt, entity.budget)
    entity.server_debt = entity.server_debt - debt
    entity.server_left = entity.budget - debt


@fn
def server_sleep(queue: RunQueue, entity: Entity) -> None:
    """It has nothing to do."""
    bit = u32(1) << entity.server
    queue.servers_ready = queue.servers_ready & ~bit
    queue.servers_waiting = queue.servers_waiting & ~bit


@fn
def server_charge(queue: RunQueue, entity: Entity, ran: u64) -> None:
    """It has run: when the budget is used up, it waits for its deadline."""
    if ran < entity.server_left:
        entity.server_left = entity.server_left - ran
        return
    entity.server_debt = entity.server_debt + (ran - entity.server_left)
    entity.server_left = 0
    entity.state = EntityState.THROTTLED
    bit = u32(1) << entity.server
    queue.servers_ready = queue.servers_ready & ~bit
    queue.servers_waiting = queue.servers_waiting | bit


@fn
def refill_servers(queue: RunQueue, now: u64) -> u64:
    """Those whose deadline has come go on. When the next one's comes, or NEVER."""
    soonest = u64(NEVER)
    rest = queue.servers_waiting
    while rest != 0:
        server = queue.servers[rest.trailing_zeros()]
        bit = rest & ~(rest - 1)
        rest = rest & (rest - 1)
        assert server is not None
        if server.server_deadline <= now:
            # Late by more than a period: the periods that nobody used are lost.
            late = now - server.server_deadline
            server.server_deadline = (now if late >= server.period else server.server_deadline) + server.period
            refill(server)
            if server.server_left != 0:
                queue.servers_waiting = queue.servers_waiting & ~bit
                queue.servers_ready = queue.servers_ready | bit
                server.state = EntityState.WAITING
        if queue.servers_waiting & bit != 0:
            soonest = min(soonest, server.server_deadline)
    return soonest


@fn
def first_server(queue: RunQueue) -> Entity | None:
    """The ready server with the earliest deadline, the running one among them; among equals the running one."""
    best: Entity | None = None
    rest = queue.servers_ready
    while rest != 0:
        server = queue.servers[rest.trailing_zeros()]
        rest = rest & (rest - 1)
        if server is not None and (best is None or server.server_deadline < best.server_deadline):
            best = server
        elif server is not None and best is not None and server is queue.current:
            if server.server_deadline == best.server_deadline:
                best = server
    return best
