"""What drivers/storage asks of an image, for tests: memory from a pool, and a clock that goes on when it is read."""

from __future__ import annotations

from codegen.lang import Field, Hpa, Struct, fn, implements, storage, u16, u64
from drivers.host import device_memory, moment

PAGE = 4096


class Pool(Struct):
    next: Field[u64]
    end: Field[u64]
    requester: Field[u16]  # of the last call


class Clock(Struct):
    now: Field[u64]  # ns
    step: Field[u64]


POOL = storage(Pool)
CLOCK = storage(Clock)


@implements(device_memory)
@fn
def from_pool(requester: u16, size: u64, limit: u64) -> Hpa | None:
    begin = POOL.next
    rounded = (size + (PAGE - 1)) & ~(PAGE - 1)
    POOL.requester = requester
    if begin + rounded > POOL.end or begin + rounded > limit:
        return None
    POOL.next = begin + rounded
    return Hpa(begin)


@implements(moment)
@fn
def by_clock() -> u64:
    CLOCK.now = CLOCK.now + CLOCK.step
    return CLOCK.now
