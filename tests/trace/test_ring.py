from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.lang import storage, u64
from hypervisor.trace.ring import TakenEvent, TraceEvents, TraceRing, ring_forget, ring_start, ring_take, ring_write
from tests.posted.interleavings import Explorer
from tests.trace.execution import Run, everywhere

RING = storage(TraceRing)
EVENTS = storage(TraceEvents)
TAKEN = storage(TakenEvent)


def begin(capacity: int) -> None:
    RING.zero()
    ring_start(RING, EVENTS, u64(capacity))


def write(run: Run, number: int) -> None:
    run(ring_write, RING, u64(number), u64(~number & 0xFFFF_FFFF))


def take(run: Run = lambda function, *arguments: function(*arguments)) -> int | None:
    """The number of the event; one that is not whole fails."""
    if not run(ring_take, RING, TAKEN):
        return None
    assert int(TAKEN.word) == ~int(TAKEN.tsc) & 0xFFFF_FFFF
    return int(TAKEN.tsc)


@everywhere
def test_events_come_in_order_and_the_oldest_are_overwritten_and_counted(run: Run) -> None:
    @settings(deadline=None)
    @given(st.lists(st.one_of(st.integers(0, 9), st.just("take")), max_size=30))
    def check(acts: list[int | str]) -> None:
        begin(4)
        written, waiting, lost = 0, [], 0
        for act in acts:
            if act == "take":
                # One place is being written, for all that a reader knows.
                lost += max(0, len(waiting) - 3)
                waiting = waiting[-3:]
                assert take(run) == (waiting.pop(0) if waiting else None)
                assert int(RING.lost) == lost
            else:
                for _ in range(int(act)):
                    write(run, written)
                    waiting.append(written)
                    written += 1

    check()


@everywhere
def test_a_ring_without_memory_takes_nothing(run: Run) -> None:
    RING.zero()
    write(run, 1)
    assert take(run) is None


def test_a_new_start_forgets_what_was_not_read() -> None:
    begin(4)
    for number in range(3):
        write(lambda function, *arguments: function(*arguments), number)
    ring_forget(RING)
    assert take() is None


def test_in_every_order_of_steps_a_reader_gets_whole_events_in_order() -> None:
    got: list[int] = []

    def writer() -> None:
        for number in range(5):
            ring_write(RING, u64(number), u64(~number & 0xFFFF_FFFF))

    def reader() -> None:
        for _ in range(2):
            number = take()
            if number is not None:
                got.append(number)

    def prepare() -> None:
        got.clear()
        begin(2)

    def check() -> None:
        while (number := take()) is not None:
            got.append(number)
        assert got == sorted(set(got))
        assert len(got) + int(RING.lost) == 5

    explorer = Explorer(lambda _: [])
    explorer.explore(prepare, [writer, reader], check)
    assert explorer.orders > 100
