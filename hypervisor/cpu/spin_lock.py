"""The one lock: fair, and with a place in one order, so that no two processors can ever wait for each other."""

from __future__ import annotations

from codegen.lang import Atomic, Field, HwEnum, Struct, fn, pause, u32
from hypervisor.cpu.per_cpu import CPU


class LockPlace(HwEnum, repr=u32):
    """Every lock of the monitor, in the order in which a processor may take them: later ones while it holds earlier
    ones. Two locks of one place are never held together."""

    UNSET = 0
    BOARD = 1
    RUN_QUEUE = 2
    SHARE = 3


class SpinLock(Struct):
    """A ticket lock (Mellor-Crummey and Scott, ACM TOCS 9(1), 1991): who came first is served first, so the wait is
    bounded by the number of processors. Not for NMI or machine-check handlers."""

    next: Atomic[u32]
    serving: Atomic[u32]
    place: Field[LockPlace]

    @fn
    def __enter__(self) -> None:
        held = CPU.current.locks_held
        place = u32(self.place)
        assert place != 0 and held >> place == 0
        CPU.current.locks_held = held | u32(1) << place
        ticket = self.next.fetch_add(1)
        while self.serving.load() != ticket:
            pause()

    @fn
    def __exit__(self, *_: object) -> None:
        self.serving.store(self.serving.load().wrapping_add(1))
        CPU.current.locks_held = CPU.current.locks_held & ~(u32(1) << u32(self.place))


@fn
def lock_start(lock: SpinLock, place: LockPlace) -> None:
    """Nobody holds it."""
    lock.next.store(0)
    lock.serving.store(0)
    lock.place = place
