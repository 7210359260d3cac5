"""The guest's own lock."""

from __future__ import annotations

from codegen.lang import Atomic, Struct, fn, pause, storage, u32
from tests.guests.smp.wait import rest

TRIES = 1000


class Lock(Struct, align=64):
    """Test and set. Who has waited for long halts for a moment: the holder may be waiting for this processor."""

    held: Atomic[u32]

    @fn
    def __enter__(self) -> None:
        tries = u32(0)
        while self.held.exchange(1) != 0:
            pause()
            tries += 1
            if tries == TRIES:
                tries = u32(0)
                rest()

    @fn
    def __exit__(self, *_: object) -> None:
        self.held.store(0)


LOCK = storage(Lock)
