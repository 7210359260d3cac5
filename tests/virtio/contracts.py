"""What drivers of virtio devices ask of an image, for tests: memory from a pool, and a clock on the bus."""

from __future__ import annotations

from codegen.lang import Field, Hpa, MmioBlock, Reg, Struct, at, fn, implements, mmio, storage, u16, u64
from drivers.host import device_memory, moment

CLOCK = 0xFFFF_0000_0000


class ClockBlock(MmioBlock, size=8):
    now: Reg[u64] = at(0)


class Pool(Struct):
    """`next` to `end` are free; `requester`: who was the last to ask."""

    next: Field[u64]
    end: Field[u64]
    requester: Field[u16]


POOL = storage(Pool)


@implements(device_memory)
@fn
def pool_memory(requester: u16, size: u64, limit: u64) -> Hpa | None:
    bytes = (size + 4095) & ~4095
    if bytes > POOL.end - POOL.next or POOL.next + bytes > limit:
        return None
    found = Hpa(POOL.next)
    POOL.next += bytes
    POOL.requester = requester
    return found


@implements(moment)
@fn
def bus_moment() -> u64:
    return mmio(ClockBlock, Hpa(CLOCK)).now.read()
