"""The lock of the log and the console, the last in the order. Who ends the run takes it for ever: in turn, and a panic
from whoever has it."""

from __future__ import annotations

from typing import Never

from codegen.lang import Atomic, Struct, cli, fn, pause, range, u32
from hypervisor.cpu.per_cpu import CPU
from hypervisor.cpu.spin_lock import LockPlace, SpinLock, lock_start

NOBODY = 0  # processors are numbered from 1 here
PATIENCE = 20_000_000  # looks at a holder that should be done in less than a second


class ConsoleLock(Struct):
    """A scope. `inside` is written before `seized_by` is read, and the other way round: one of two always sees the
    other."""

    lock: SpinLock
    inside: Atomic[u32]  # who holds it
    seized_by: Atomic[u32]  # whose panic it is, which goes on without the lock: nobody gets it any more

    @fn
    def __enter__(self) -> None:
        self.lock.acquire()
        self.inside.store(own_number())
        if self.seized_by.load() != NOBODY:
            self.give_up()

    @fn
    def __exit__(self, *_: object) -> None:
        if self.seized_by.load() != NOBODY:
            self.give_up()
        self.inside.store_release(NOBODY)
        self.lock.release()

    @fn(cold=True)
    def start(self) -> None:
        """Nobody holds it."""
        lock_start(self.lock, LockPlace.CONSOLE)
        self.inside.store(NOBODY)
        self.seized_by.store(NOBODY)

    @fn(cold=True)
    def acquire_for_good(self) -> None:
        """For the end of the run, before `seize`: whoever has a line to end ends it; the lock is never released."""
        self.lock.acquire()

    @fn(cold=True)
    def seize(self) -> None:
        """For a panic: wait a moment for the holder to finish its line, if that is another processor, no longer."""
        own = own_number()
        self.seized_by.store(own)
        for _ in range(u32(PATIENCE)):
            inside = self.inside.load()
            if inside == NOBODY or inside == own:
                return
            pause()

    @fn(cold=True)
    def give_up(self) -> Never:
        """Another processor panics: this one has nothing more to say."""
        self.inside.store(NOBODY)
        while True:
            cli()
            pause()


@fn
def own_number() -> u32:
    return CPU.current.index + 1
