"""Memory as a unit sees it: at once, or only what the processor has flushed to it."""

from __future__ import annotations

from codegen.lang import Hpa, host
from codegen.lang import memory as arena

BYTES = 32 << 20
LINE = 64
OLD = b"\xff"  # what lay there before: everything present and allowed


class Broken(AssertionError):
    """The driver has done what hardware does not define."""


class Lines(list[tuple[object, ...]]):
    """The processor's log: each CLFLUSH copies its line at that moment."""

    def __init__(self, memory: UnitMemory) -> None:
        super().__init__()
        self.memory = memory

    def append(self, entry: tuple[object, ...], /) -> None:
        super().append(entry)
        if entry[0] == "clflush":
            address = entry[1]
            assert isinstance(address, int)
            self.memory.take(address - arena.physical.start & -LINE, LINE)


class UnitMemory:
    """`delayed`: words are those of the last `take`."""

    def __init__(self, delayed: bool) -> None:
        self.old = bytearray(OLD * BYTES) if delayed else None
        if delayed:
            host.cpu.log = Lines(self)

    def take(self, start: int, length: int) -> None:
        """These bytes have come to memory."""
        if self.old is not None and start + length <= BYTES:
            self.old[start : start + length] = host.memory.read(Hpa(start), length)

    def word(self, hpa: int) -> int:
        """Of tables. Broken outside of RAM."""
        if hpa % 8 or not 0 < hpa <= BYTES - 8:
            raise Broken(f"a table word at {hpa:#x}")
        if self.old is not None:
            return int.from_bytes(self.old[hpa : hpa + 8], "little")
        return int.from_bytes(host.memory.read(Hpa(hpa), 8), "little")


def ring_word(hpa: int) -> int:
    """Of queues and logs, which units always read through the caches."""
    return int.from_bytes(host.memory.read(Hpa(hpa), 8), "little")
