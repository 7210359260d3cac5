"""Runs CPython versions of what several processors do at once, in every order of their atomic steps.

Each program is a thread that stops before each access to an `Atomic` and before it takes a lock; between two stops it
runs alone, so what it does with plain memory there must concern nobody else: `private` says whose memory is whose.
Orders that differ only in steps which have nothing to do with each other count as one (sleep sets: Godefroid,
Partial-Order Methods, LNCS 1032, 1996), and a cell that nobody shares is no step: what is shared is found out on the
way.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from codegen.lang.cells import Array, Atomic, Field
from hypervisor.cpu.spin_lock import SpinLock

UPDATES = ("store", "store_release", "exchange", "compare_exchange", "fetch_add", "fetch_sub", "fetch_or", "fetch_and")
ACQUIRE = "acquire"


class Touched(Exception):
    """A plain access to what belongs to another thread."""


@dataclass(frozen=True)
class Step:
    """What a thread is about to do."""

    address: int
    kind: str

    def depends_on(self, other: Step) -> bool:
        return self.address == other.address and (self.kind, other.kind) != ("load", "load")


@dataclass
class Choice:
    """A place on the way: who could go on, and who was tried."""

    steps: dict[int, Step]
    asleep: frozenset[int]
    tried: set[int] = field(default_factory=set)
    current: int = -1

    def choose(self) -> bool:
        left = sorted(self.steps.keys() - self.asleep - self.tried)
        if left:
            self.current = left[0]
        return bool(left)

    def asleep_behind(self) -> frozenset[int]:
        mine = self.steps[self.current]
        others = (self.asleep | self.tried) - {self.current}
        return frozenset(each for each in others if each in self.steps and not self.steps[each].depends_on(mine))


class Thread(threading.Thread):
    """One program; `step` is what it waits to do, None when it has ended."""

    def __init__(self, number: int, program: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self.number = number
        self.program = program
        self.go = threading.Semaphore(0)
        self.stopped = threading.Semaphore(0)
        self.step: Step | None = None
        self.free = False
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.program()
        except BaseException as error:  # told to the test
            self.error = error
        self.step = None
        self.stopped.release()

    def stop_before(self, step: Step) -> None:
        if not self.free:
            self.step = step
            self.stopped.release()
            self.go.acquire()


class Explorer:
    """`private(thread number)` gives ranges (address, size) that the thread must not touch but by atomics."""

    def __init__(self, forbidden: Callable[[int], list[tuple[int, int]]]) -> None:
        self.forbidden = forbidden
        self.held: set[int] = set()
        self.users: dict[int, set[tuple[int, bool]]] = {}  # of a cell: the threads, and whether they write
        self.shared: set[int] = set()
        self.orders = 0

    def explore(
        self, prepare: Callable[[], None], programs: list[Callable[[], None]], check: Callable[[], None]
    ) -> None:
        """`check` is called at the end of every order, with nobody running."""
        path: list[Choice] = []
        with self.instrumented():
            while True:
                prepare()
                known = len(self.shared)
                complete = self.run(path, programs)
                if len(self.shared) != known:
                    path.clear()
                    self.orders = 0
                    continue
                if complete:
                    self.orders += 1
                    check()
                while path:
                    path[-1].tried.add(path[-1].current)
                    if path[-1].choose():
                        break
                    path.pop()
                if not path:
                    return

    def run(self, path: list[Choice], programs: list[Callable[[], None]]) -> bool:
        """One order: along `path`, then on to the end. False if it turns out to be one that was seen."""
        self.held.clear()
        threads = [Thread(number, program) for number, program in enumerate(programs)]
        for thread in threads:
            thread.start()
            thread.stopped.acquire()
        depth = 0
        while any(thread.step for thread in threads):
            if depth == len(path):
                steps = {t.number: t.step for t in threads if t.step is not None and self.can_go(t.step)}
                assert steps, "they wait for each other"
                choice = Choice(steps, path[-1].asleep_behind() if path else frozenset())
                if not choice.choose():
                    self.let_end(threads)
                    return False
                path.append(choice)
            thread = threads[path[depth].current]
            depth += 1
            thread.go.release()
            thread.stopped.acquire()
        for thread in threads:
            thread.join()
            if thread.error is not None:
                raise thread.error
        return True

    def can_go(self, step: Step) -> bool:
        return step.kind != ACQUIRE or step.address not in self.held

    def let_end(self, threads: list[Thread]) -> None:
        """One after the other, those that hold a lock first."""
        while any(thread.step for thread in threads):
            thread = next(t for t in threads if t.step is not None and self.can_go(t.step))
            thread.go.release()
            thread.stopped.acquire()
        for thread in threads:
            thread.join()

    @contextmanager
    def instrumented(self) -> Iterator[None]:
        saved: list[tuple[Any, str, Any]] = []

        def replace(owner: Any, name: str, made: Callable[[Any], Any]) -> None:
            saved.append((owner, name, getattr(owner, name)))
            setattr(owner, name, made(getattr(owner, name)))

        for name in ("load", *UPDATES):
            replace(Atomic, name, functools.partial(self.atomic, name))
        replace(SpinLock, "__enter__", lambda plain: lambda lock: self.enter(lock))
        replace(SpinLock, "__exit__", lambda plain: lambda lock, *_: self.leave(lock))
        for name in ("__get__", "__set__"):
            replace(Field, name, lambda plain: self.field(plain))
        for name in ("__getitem__", "__setitem__"):
            replace(Array, name, lambda plain: self.element(plain))
        try:
            yield
        finally:
            for owner, name, plain in reversed(saved):
                setattr(owner, name, plain)

    def atomic(self, name: str, plain: Any) -> Any:
        def access(cell: Any, *arguments: Any) -> Any:
            thread = threading.current_thread()
            if not isinstance(thread, Thread):
                return plain(cell, *arguments)
            if self.is_shared(cell._address, thread.number, name != "load"):
                thread.stop_before(Step(cell._address, name))
            return plain(cell, *arguments)

        return access

    def is_shared(self, address: int, number: int, writes: bool) -> bool:
        """Whether several threads use a cell, and not all to read it."""
        if address not in self.shared:
            users = self.users.setdefault(address, set())
            users.add((number, writes))
            if len({each for each, _ in users}) > 1 and any(write for _, write in users):
                self.shared.add(address)
        return address in self.shared

    def enter(self, lock: SpinLock) -> None:
        thread = threading.current_thread()
        if isinstance(thread, Thread):
            thread.stop_before(Step(lock._address, ACQUIRE))
        assert lock._address not in self.held
        self.held.add(lock._address)

    def leave(self, lock: SpinLock) -> None:
        thread = threading.current_thread()
        if isinstance(thread, Thread):
            thread.stop_before(Step(lock._address, "release"))
        self.held.discard(lock._address)

    def field(self, plain: Any) -> Any:
        def access(cell: Field[Any], instance: Any, *rest: Any) -> Any:
            if instance is not None:
                self.check(instance._address + cell.offset)
            return plain(cell, instance, *rest)

        return access

    def element(self, plain: Any) -> Any:
        def access(array: Any, index: Any, *rest: Any) -> Any:
            if array._codec is not None:
                self.check(array._address + int(index) * array.stride)
            return plain(array, index, *rest)

        return access

    def check(self, address: int) -> None:
        """A plain access."""
        thread = threading.current_thread()
        if isinstance(thread, Thread):
            for start, size in self.forbidden(thread.number):
                if start <= address < start + size:
                    raise Touched(f"thread {thread.number}, byte {address - start:#x}")
