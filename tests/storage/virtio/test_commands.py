from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codegen.lang import Hpa, u8, u32
from drivers.interrupt.message import message_address, message_data
from drivers.pci.functions import PciOwner
from drivers.storage.command import COMMANDS, BlockOutcome
from drivers.storage.disk import DISKS, DiskDriver
from drivers.storage.virtio.start import virtio_block_connect
from drivers.virtio import driver_queue
from tests.storage.virtio.disk import (
    ALL,
    DISCARD,
    DISCARDED,
    FLUSH,
    FLUSHED,
    READ,
    RO,
    SECTOR,
    SECTORS,
    SIZE_MAX,
    WRITE,
    WRITE_ZEROES,
    ZEROED,
    User,
    configuration,
)
from tests.virtio.device import EVENT_INDEX, INDIRECT
from tests.virtio.execution import Run, everywhere, in_cpython, natively

KINDS: dict[str, dict[str, Any]] = {
    "all features": {},
    "no event index": {"features": ALL & ~EVENT_INDEX},
    "no indirect descriptors": {"features": ALL & ~INDIRECT},
    "neither, and a short queue": {"features": ALL & ~INDIRECT & ~EVENT_INDEX, "size": 8},
    "a queue of 16": {"size": 16},
}
kinds = pytest.mark.parametrize("kind", KINDS)
DONE, REFUSED, IO_ERROR = BlockOutcome.DONE, BlockOutcome.REFUSED, BlockOutcome.IO_ERROR


def data(sectors: int, seed: int = 1) -> bytes:
    return bytes((i * 7 + i // 512 + seed) & 0xFF for i in range(sectors * SECTOR))


@everywhere
def test_a_disk_is_in_the_table_with_what_the_device_says(run: Run) -> None:
    user = User(run, queues=3)
    assert user.fault is None
    assert int(DISKS.disk_count) == 1
    disk = DISKS.disks[0]
    assert (disk.driver, int(disk.controller), int(disk.queues)) == (DiskDriver.VIRTIO, 0, 3)
    assert (int(disk.sectors), int(disk.block), int(disk.segments_max)) == (SECTORS, 512, 30)
    assert int(disk.requester) == 3 << 3
    assert bool(disk.caches_writes) and bool(disk.discards) and bool(disk.zeroes)
    assert not disk.read_only and not disk.gone and not disk.page_bound
    assert bytes(int(b) for b in (disk.serial[i] for i in range(20))) == b"KB-0001".ljust(20, b"\0")
    assert bytes(int(disk.model[i]) for i in range(40)) == b"virtio block device".ljust(40, b"\0")
    assert user.function.owner == PciOwner.VIRTIO
    assert [queue.enabled for queue in user.device.queues] == [True, True, True, False]
    assert user.device.accepted == ALL & ~(1 << 40)


@everywhere
@kinds
def test_what_is_written_is_read_back(run: Run, kind: str) -> None:
    user = User(run, **KINDS[kind])
    segments = int(DISKS.disks[0].segments_max)
    assert user.do(WRITE, sector=5, sectors=9, data=data(9), cuts=(1, 2)[: segments - 1]) == DONE
    assert user.do(READ, sector=4, sectors=11, cuts=(4, 1, 3)[: segments - 1]) == DONE
    assert user.do(FLUSHED) == DONE
    assert user.device.durable == user.disk == user.device.content
    assert user.do(ZEROED, sector=6, sectors=2) == DONE
    assert user.do(DISCARDED, sector=9, sectors=1) == DONE
    assert user.do(READ, sector=0, sectors=16) == DONE
    assert user.device.content == user.disk
    most = tuple([1] * (segments - 1))
    assert user.do(WRITE, sector=SECTORS - segments, sectors=segments, data=data(segments, 3), cuts=most) == DONE
    assert user.device.content == user.disk


OPERATION = st.tuples(
    st.sampled_from(["read", "write", "write", "flush", "zero", "discard"]),
    st.integers(0, 40),
    st.integers(1, 9),
    st.lists(st.integers(1, 3), max_size=3),
)
STEP = st.one_of(
    st.tuples(st.just("submit"), OPERATION),
    st.tuples(st.just("fetch"), st.none()),
    st.tuples(st.just("finish"), st.integers(0, 63)),
    st.tuples(st.just("poll"), st.none()),
    st.tuples(st.just("collect"), st.integers(1, 4)),
)


def play(user: User, steps: list[tuple[str, Any]]) -> None:
    """The device works in order, tells in any order; when collect has given None, an interrupt follows."""
    device, queue = user.device, user.device.queues[0]
    device.eager = False
    done: list[tuple[int, int]] = []
    free = list(range(64))
    owed = False  # the driver waits for an interrupt
    interrupts = queue.interrupts
    names = {"read": READ, "write": WRITE, "flush": FLUSHED, "zero": ZEROED, "discard": DISCARDED}

    def work() -> None:
        device.fetch(0)
        while queue.waiting:
            chain = queue.waiting.pop(0)
            done.append((chain.head, device.work(chain)))

    def tell(which: int) -> None:
        nonlocal owed
        head, written = done.pop(which % len(done))
        device.give_back(0, head, written)
        if owed:
            assert queue.interrupts > interrupts, "a wake-up was lost"
            owed = False

    def collect(most: int) -> None:
        nonlocal owed, interrupts
        for _ in range(most):
            number = user.collect()
            if number is None:
                owed, interrupts = True, queue.interrupts
                return
            owed = False
            assert user.outcomes[number] == DONE
            free.append(number)

    for step, argument in steps:
        match step:
            case "submit" if free:
                name, sector, sectors, cuts = argument
                number = free.pop(0)
                content = data(sectors, number) if name == "write" else b""
                fitting: list[int] = []
                for cut in cuts:
                    if sum(fitting) + cut < sectors and len(fitting) + 1 < int(DISKS.disks[0].segments_max):
                        fitting.append(cut)
                if name == "flush":
                    sector = sectors = 0
                user.prepare(number, names[name], sector, sectors, content, tuple(fitting))
                if not user.submit(number):
                    free.insert(0, number)
            case "fetch":
                work()
            case "finish" if done:
                tell(argument)
            case "poll":
                work()
                device.refuse_notifications(0)
            case "collect":
                collect(argument)
    work()
    while done:
        tell(0)
    collect(100)
    assert user.asked == {} and device.content == user.disk


@pytest.mark.parametrize("run", [natively])
@kinds
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(STEP, max_size=60))
def test_any_commands_in_any_order_end_once_and_leave_the_disk_as_it_must_be(
    run: Run, kind: str, steps: list[tuple[str, Any]]
) -> None:
    play(User(run, **KINDS[kind]), steps)


@kinds
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(STEP, max_size=40))
def test_in_cpython_too(kind: str, steps: list[tuple[str, Any]]) -> None:
    play(User(in_cpython, **KINDS[kind]), steps)


@everywhere
@kinds
def test_a_full_queue_takes_no_more_until_something_is_collected(run: Run, kind: str) -> None:
    user = User(run, **KINDS[kind])
    user.device.eager = False
    taken = 0
    for number in range(64):
        user.prepare(number, WRITE, number, 1, data(1, number))
        if not user.submit(number):
            break
        taken += 1
    expected = {"all features": 64, "no indirect descriptors": 16, "a queue of 16": 16}
    assert taken == expected.get(kind, 1 if "short" in kind else 64)
    user.device.serve(0)
    if taken < 64:
        user.prepare(taken, WRITE, taken, 1)
        assert not user.submit(taken)
    assert len(user.collect_all()) == taken
    assert user.device.content == user.disk


@everywhere
def test_the_device_is_told_only_when_it_wants_to_be(run: Run) -> None:
    for features in (ALL, ALL & ~EVENT_INDEX):
        user = User(run, features=features)
        queue = user.device.queues[0]
        user.device.eager = False
        told = queue.notified
        user.ask(0, READ, sector=0, sectors=1)
        assert queue.notified == told + 1
        user.device.fetch(0)
        user.device.refuse_notifications(0)
        for number in (1, 2, 3):
            user.ask(number, READ, sector=0, sectors=1)
        assert queue.notified == told + 1


@everywhere
def test_with_event_indexes_a_burst_gives_one_interrupt(run: Run) -> None:
    user = User(run)
    user.device.eager = False
    assert user.collect() is None
    for number in range(8):
        user.ask(number, READ, sector=0, sectors=1)
    before = user.device.queues[0].interrupts
    user.device.serve(0)
    assert user.device.queues[0].interrupts == before + 1
    assert len(user.collect_all()) == 8


def at_fence(monkeypatch: pytest.MonkeyPatch, act: Callable[[], None]) -> None:
    """What another party does at the next MFENCE, when it has not seen the stores before it."""

    def fence() -> None:
        monkeypatch.setattr(driver_queue, "mfence", lambda: None)
        act()

    monkeypatch.setattr(driver_queue, "mfence", fence)


@pytest.mark.parametrize("features", [ALL, ALL & ~EVENT_INDEX])
def test_what_ends_while_the_interrupt_is_asked_for_is_collected_without_it(
    monkeypatch: pytest.MonkeyPatch, features: int
) -> None:
    user = User(in_cpython, features=features)
    user.device.eager = False
    user.ask(0, READ, sector=0, sectors=1)
    user.device.fetch(0)
    queue = user.device.queues[0]

    def end_unheard() -> None:
        before = queue.interrupts
        user.device.finish(0, 0)
        queue.interrupts = before

    at_fence(monkeypatch, end_unheard)
    assert user.collect() == 0


@pytest.mark.parametrize("features", [ALL, ALL & ~EVENT_INDEX])
def test_a_device_that_falls_asleep_while_a_command_comes_is_woken(
    monkeypatch: pytest.MonkeyPatch, features: int
) -> None:
    user = User(in_cpython, features=features)
    device, queue = user.device, user.device.queues[0]
    device.eager = False
    device.fetch(0)
    device.refuse_notifications(0)

    def fall_asleep() -> None:
        if device.event_index:
            device.put(queue.areas["used"] + 4 + 8 * queue.size, queue.seen.to_bytes(2, "little"))
        else:
            device.put(queue.areas["used"], bytes(2))
        queue.asleep = True

    told = queue.notified
    at_fence(monkeypatch, fall_asleep)
    user.ask(0, READ, sector=0, sectors=1)
    assert queue.notified == told + 1


@everywhere
def test_each_queue_has_its_own_commands_and_its_own_interrupt(run: Run) -> None:
    user = User(run, queues=4)
    address, word = message_address(u32(2)), message_data(u8(0x51))
    assert address is not None
    for queue in range(4):
        assert run(virtio_block_connect, u32(0), u32(queue), address, word)
        assert user.device.queues[queue].vector == queue
        user.ask(queue, WRITE, queue, sector=queue, sectors=1, data=data(1, queue))
    assert not run(virtio_block_connect, u32(0), u32(4), address, word)
    table = user.device.table
    for queue in range(16):
        entry = bytes(table[16 * queue : 16 * queue + 16])
        expected = int(u32(address)).to_bytes(8, "little") + int(u32(word)).to_bytes(4, "little") + bytes(4)
        assert (entry == expected) == (queue < 4)
    assert [user.collect_all(queue) for queue in range(4)] == [[0], [1], [2], [3]]


@everywhere
def test_without_msix_there_is_no_interrupt_and_collect_works(run: Run) -> None:
    user = User(run, queues=4, vectors=0)
    assert int(DISKS.disks[0].queues) == 4
    assert not run(virtio_block_connect, u32(0), u32(0), message_address(u32(0)), message_data(u8(0x40)))
    assert user.do(WRITE, sector=1, sectors=1, data=data(1)) == DONE
    assert user.device.content == user.disk


@everywhere
def test_a_device_with_fewer_vectors_gets_fewer_queues(run: Run) -> None:
    User(run, queues=4, vectors=2)
    assert int(DISKS.disks[0].queues) == 2


def broken_commands(user: User) -> None:
    """Each breaks one limit."""
    last = SECTORS
    limits = [
        (READ, last, 1, ()),
        (READ, last - 1, 2, ()),
        (READ, 2**64 - 1, 2, ()),
        (WRITE, 0, 0, ()),
        (READ, 0, 2049, ()),
        (READ, 0, 31, (1,) * 30),
        (ZEROED, last, 1, ()),
        (ZEROED, 0, 0, ()),
        (DISCARDED, last - 1, 2, ()),
        (DISCARDED, 0, 0, ()),
    ]
    for number, (operation, sector, sectors, cuts) in enumerate(limits):
        user.prepare(number, operation, sector, sectors, cuts=cuts)
        assert user.submit(number)
    number = len(limits)
    for spoil in ("length", "odd", "empty", "high", "edge", "wrap", "sum"):
        user.prepare(number, WRITE, 0, 4, data(4), (1, 1))
        segment = COMMANDS[number].segments[1]
        match spoil:
            case "length":
                COMMANDS[number].sectors = 5
            case "odd":
                segment.bytes = 511
            case "empty":
                segment.bytes = 0
            case "high":
                segment.hpa = Hpa(1 << 52)
            case "edge":
                segment.hpa = Hpa((1 << 52) - 4)
            case "wrap":
                segment.hpa = Hpa(2**64 - 4)
            case "sum":
                segment.bytes = 0xFFFF_FE00
        assert user.submit(number)
        number += 1
    assert user.tick() == 0, "what is refused is to be collected now"
    assert len(user.collect_all()) == number
    assert user.tick() == -1
    assert set(user.outcomes.values()) == {REFUSED}


@everywhere
@kinds
def test_commands_beyond_the_disks_limits_are_refused(run: Run, kind: str) -> None:
    user = User(run, **KINDS[kind])
    before = len(user.device.kinds)
    broken_commands(user)
    assert len(user.device.kinds) == before
    assert user.do(READ, sector=0, sectors=4) == DONE


@everywhere
def test_a_disk_that_is_only_read_refuses_the_rest(run: Run) -> None:
    user = User(run, features=ALL | RO)
    assert bool(DISKS.disks[0].read_only) and not DISKS.disks[0].discards and not DISKS.disks[0].zeroes
    for operation in (WRITE, ZEROED, DISCARDED):
        assert user.do(operation, sector=0, sectors=1) == REFUSED
    assert user.do(READ, sector=0, sectors=1) == DONE
    assert user.do(FLUSHED) == DONE


@everywhere
def test_a_disk_that_caches_nothing_is_flushed_without_asking_it(run: Run) -> None:
    user = User(run, features=ALL & ~(FLUSH | DISCARD | WRITE_ZEROES))
    disk = DISKS.disks[0]
    assert not disk.caches_writes and not disk.discards and not disk.zeroes
    before = list(user.device.kinds)
    assert user.do(WRITE, sector=0, sectors=1, data=data(1)) == DONE
    assert user.do(FLUSHED) == DONE
    assert user.device.kinds == [*before, 1]
    assert user.do(ZEROED, sector=0, sectors=1) == REFUSED
    assert user.do(DISCARDED, sector=0, sectors=1) == REFUSED


@everywhere
def test_a_disk_of_large_blocks_takes_whole_ones(run: Run) -> None:
    user = User(run, config=configuration(capacity=SECTORS - 3, block=4096))
    assert (int(DISKS.disks[0].block), int(DISKS.disks[0].sectors)) == (4096, SECTORS - 8)
    assert user.do(READ, sector=1, sectors=8) == REFUSED
    assert user.do(READ, sector=8, sectors=9) == REFUSED
    assert user.do(READ, sector=SECTORS - 8, sectors=8) == REFUSED
    assert user.do(READ, sector=8, sectors=16, cuts=(3,)) == DONE


@everywhere
def test_a_segment_is_no_larger_than_the_device_takes(run: Run) -> None:
    user = User(run, features=ALL | SIZE_MAX, config=configuration(size_max=5 * SECTOR + 100))
    assert int(DISKS.disks[0].bytes_max) == 5 * SECTOR
    assert user.do(READ, sector=0, sectors=5) == DONE
    assert user.do(READ, sector=0, sectors=6, cuts=(3,)) == REFUSED


@everywhere
def test_small_limits_of_discard_mean_that_it_is_not_offered(run: Run) -> None:
    User(run, config=configuration(discard=4096, zero=1 << 17))
    assert not DISKS.disks[0].discards and bool(DISKS.disks[0].zeroes)


@everywhere
@pytest.mark.parametrize(
    ("status", "outcome"),
    [(1, IO_ERROR), (2, REFUSED), (3, IO_ERROR), (0xFF, IO_ERROR), (None, IO_ERROR)],
)
def test_the_status_of_a_request_becomes_its_outcome(run: Run, status: int | None, outcome: BlockOutcome) -> None:
    user = User(run)
    user.device.status_byte = status
    assert user.do(READ, sector=0, sectors=1) == outcome
    user.device.status_byte = 0
    assert user.do(READ, sector=0, sectors=1) == DONE
