"""The devices behind tests/ata/contracts.py, and who may do DMA where."""

from __future__ import annotations

from collections.abc import Callable

from codegen.lang import Hpa, host
from tests.ata.contracts import PLACE

MS = 1_000_000


class Broken(AssertionError):
    """The driver has done what hardware does not define, or what hardware must never do."""


class Services:
    """Each look at the clock takes `step` ns. `lent`: memory of commands that the driver has, by their number, with
    what the device may do there."""

    def __init__(self) -> None:
        self.time = 1_000_000_000
        self.step = 50_000
        self.memory_left = 1 << 30
        self.owned: list[tuple[int, int]] = []
        self.lent: dict[int, tuple[str, list[tuple[int, int]]]] = {}
        self.words: dict[int, int] = {}
        self.masters: Callable[[], bool] = lambda: True
        host.bus.map_mmio(Hpa(PLACE), 0x28, self)

    def read(self, offset: int, width: int, /) -> int:
        if offset == 0:
            self.time += self.step
            return self.time
        assert offset == 0x20
        size, limit = self.words[0x10], self.words[0x18]
        if size > self.memory_left:
            return 0
        place = int(host.memory.allocate(size, 4096))
        assert place + size <= limit
        self.memory_left -= size
        self.owned.append((place, size))
        return place

    def write(self, offset: int, width: int, value: int, /) -> None:
        self.words[offset] = value

    def dma_read(self, address: int, length: int) -> bytes:
        self.check(address, length, "read")
        return host.memory.read(Hpa(address), length)

    def dma_write(self, address: int, data: bytes) -> None:
        self.check(address, len(data), "write")
        host.memory.write(Hpa(address), data)

    def check(self, address: int, length: int, act: str) -> None:
        if not self.masters():
            raise Broken("DMA of a function that is no bus master")
        allowed = [*self.owned]
        for permitted, places in self.lent.values():
            if permitted == act:
                allowed += places
        if not any(start <= address and address + length <= start + size for start, size in allowed):
            raise Broken(f"the device may not {act} {length} bytes at {address:#x}")
