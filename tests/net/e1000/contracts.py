"""What drivers ask of an image (drivers/host.py), for tests: answered by a device at PLACE."""

from __future__ import annotations

from codegen.lang import RO, WO, Hpa, MmioBlock, Reg, at, bind, fn, host, implements, mmio, u16, u32, u64
from drivers.host import device_memory, moment

PLACE = 0xF000_0000
STEP = 200_000  # ns that pass between two looks at the clock


class HostBlock(MmioBlock, size=64):
    now: Reg[u64] = at(0, access=RO)
    requester: Reg[u32] = at(8, access=WO)
    limit: Reg[u64] = at(16, access=WO)
    size: Reg[u64] = at(24, access=WO)
    memory: Reg[u64] = at(32, access=RO)


@implements(device_memory)
@fn
def memory_from_test(requester: u16, size: u64, limit: u64) -> Hpa | None:
    block = mmio(HostBlock, Hpa(PLACE))
    block.requester.write(u32(requester))
    block.limit.write(limit)
    block.size.write(size)
    found = block.memory.read()
    return None if found == 0 else Hpa(found)


@implements(moment)
@fn
def moment_of_test() -> u64:
    return mmio(HostBlock, Hpa(PLACE)).now.read()


class Surroundings:
    """A clock that goes on by itself, and memory, of which `pieces` may be had."""

    def __init__(self, pieces: int = 100) -> None:
        self.now = 1_000_000
        self.pieces = pieces
        self.asked = [0, 0, 0]
        self.given: list[tuple[int, int]] = []
        self.requesters: set[int] = set()
        bind(device_memory, memory_from_test)
        bind(moment, moment_of_test)
        host.bus.map_mmio(Hpa(PLACE), 64, self)

    def read(self, offset: int, width: int, /) -> int:
        if offset == 0:
            self.now += STEP
            return self.now
        assert offset == 32
        requester, limit, size = self.asked
        if len(self.given) == self.pieces:
            return 0
        hpa = int(host.memory.allocate(size))
        assert hpa + size <= limit
        self.given.append((hpa, size))
        self.requesters.add(requester)
        return hpa

    def write(self, offset: int, width: int, value: int, /) -> None:
        self.asked[offset // 8 - 1] = value

    def holds(self, hpa: int, size: int) -> bool:
        """Whether a device may reach all of this."""
        return any(start <= hpa and hpa + size <= start + length for start, length in self.given)
