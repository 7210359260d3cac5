"""The one lock: fair, and with a place in one order, so that no two processors can ever wait for each other."""

from __future__ import annotations

from typing import Never

from codegen.lang import Atomic, Field, HwEnum, Struct, contract, fn, max, pause, rdtsc, static, u32, u64
from hypervisor import profile
from hypervisor.cpu.per_cpu import CPU


class LockPlace(HwEnum, repr=u32):
    """Every lock of the monitor, in the order in which a processor may take them: later ones while it holds earlier
    ones. Two locks of one place are never held together."""

    UNSET = 0
    BOARD = 1  # one VM's devices
    STORAGE = 2  # one controller of disks
    NET = 3  # one network card
    RUN_QUEUE = 4
    SHARE = 5
    SWITCH = 6  # what one port of a network is to receive: nothing is taken inside
    SECOND_LEVEL = 7  # one VM's second-level tables
    PAGE_TABLES = 8  # the monitor's own
    IOMMU = 9  # domains of devices, and the units' queues
    FRAMES = 10
    CONSOLE = 11
    CONFIG_PORTS = 12  # of PCI: nothing is taken inside


class SpinLock(Struct):
    """A ticket lock (Mellor-Crummey and Scott, ACM TOCS 9(1), 1991): who came first is served first, so the wait is
    bounded by the number of processors. Interrupts are off while it is held; not for NMI or machine-check handlers.

    The debug profile proves the order and measures waits; a release pays one locked instruction and a compare.
    """

    next: Atomic[u32]
    serving: Atomic[u32]  # written by the holder alone
    place: Field[LockPlace]
    waits: Field[u32]  # debug: how often somebody had to wait; wraps
    longest: Field[u64]  # debug: of these, in TSC ticks

    @fn
    def __enter__(self) -> None:
        self.acquire()

    @fn
    def __exit__(self, *_: object) -> None:
        self.release()

    @fn(inline=True)
    def acquire(self) -> None:
        """Wait for one's turn. For scopes that are more than a lock; others write `with`."""
        note_wanted(self.place)
        ticket = self.next.fetch_add(1)
        if static(profile.DEBUG):
            self.measure(ticket)
        while self.serving.load() != ticket:
            pause()

    @fn(inline=True)
    def release(self) -> None:
        """The next one's turn."""
        self.serving.store_release(self.serving.load().wrapping_add(1))
        note_released(self.place)

    @fn(cold=True)
    def measure(self, ticket: u32) -> None:
        """Wait for this ticket's turn with an eye on the clock."""
        if self.serving.load() == ticket:
            return
        begin = rdtsc()
        while self.serving.load() != ticket:
            pause()
        self.waits = self.waits.wrapping_add(u32(1))
        self.longest = max(self.longest, rdtsc().wrapping_sub(begin))


@contract
def lock_order_broken(held: LockPlace, wanted: LockPlace) -> Never:  # pyright: ignore[reportReturnType]
    """The monitor itself is wrong: this processor holds a lock at or behind the place that it wants (UNSET: of a lock
    that `lock_start` has not seen)."""
    ...


@fn(inline=True)
def note_wanted(wanted: LockPlace) -> None:
    """This processor is about to take a lock."""
    if static(profile.DEBUG):
        held = CPU.current.locks_held
        place = u32(wanted)
        if place == 0 or held >> place != 0:
            lock_order_broken(last_place(held), wanted)
        CPU.current.locks_held = held | u32(1) << place


@fn(inline=True)
def note_released(place: LockPlace) -> None:
    """This processor has let go of a lock."""
    if static(profile.DEBUG):
        CPU.current.locks_held = CPU.current.locks_held & ~(u32(1) << u32(place))


@fn(cold=True)
def last_place(held: u32) -> LockPlace:
    """The last in the order of these places (bit n: place n)."""
    if held == 0:
        return LockPlace.UNSET
    return LockPlace.checked(u32(31) - held.leading_zeros())


@fn
def lock_start(lock: SpinLock, place: LockPlace) -> None:
    """Nobody holds it."""
    lock.next.store(0)
    lock.serving.store(0)
    lock.place = place
