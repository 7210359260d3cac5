import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.lang import u32, u64
from drivers.storage.command import BlockOperation, BlockOutcome
from tests.storage.nvme.execution import Run, everywhere, in_cpython, natively
from tests.storage.nvme.machine import DATA, Segment, User, content, disk, fill, machine_with
from tests.storage.nvme.namespace_model import Kind, Namespace

READ, WRITE, FLUSH = BlockOperation.READ, BlockOperation.WRITE, BlockOperation.FLUSH
DISCARD, WRITE_ZEROES = BlockOperation.DISCARD, BlockOperation.WRITE_ZEROES
DONE, REFUSED, IO_ERROR = BlockOutcome.DONE, BlockOutcome.REFUSED, BlockOutcome.IO_ERROR
PAGE = 4096
MORE = 1 << 13  # of a status
BLOCKS_512, BLOCKS_4096 = 4096, 512  # 2 MiB of each


def started(run: Run, kind: Kind | None = None, queues: int = 1) -> User:
    (model,) = machine_with(kind or Kind())
    user = User(run, model)
    assert user.start(queues) is None
    return user


def scattered(chance: random.Random, length: int, base: int) -> list[Segment]:
    """Segments of so many bytes that meet at multiples of a page only, apart from each other, in any order."""
    lead = min(length, PAGE - 512 * chance.randrange(8)) if chance.random() < 0.7 else 0
    sizes = [lead] if lead else []
    rest = length - lead
    while rest:
        size = min(rest, PAGE * chance.choice([1, 1, 2, 3, 40]))
        sizes.append(rest if len(sizes) == 31 else size)
        rest -= sizes[-1]
    places = []
    for size in sizes:
        places.append(base)
        base += (size + PAGE - 1) // PAGE * PAGE + PAGE
    order = list(range(len(sizes)))
    chance.shuffle(order)
    found = [(0, 0)] * len(sizes)
    at = places[0]
    for index in order:
        found[index] = (at, sizes[index])
        at += (sizes[index] + PAGE - 1) // PAGE * PAGE + PAGE
    first, size = found[0]
    if size <= PAGE and size:
        # The first one may begin anywhere, if it ends where a page does, or is the only one.
        slack = PAGE - size
        offset = slack if len(found) > 1 else 4 * chance.randrange(slack // 4 + 1)
        found[0] = (first + offset, size)
    return found


def put(segments: list[Segment], data: bytes) -> None:
    for address, length in segments:
        fill(address, data[:length])
        data = data[length:]
    assert not data


def get(segments: list[Segment]) -> bytes:
    return b"".join(content(address, length) for address, length in segments)


class Reference:
    """A disk as plain bytes."""

    def __init__(self, user: User, number: int) -> None:
        self.user = user
        self.number = number
        self.bytes = bytearray(int(disk(number).sectors) * 512)
        self.written = 0

    def write(self, chance: random.Random, sector: int, sectors: int) -> None:
        data = chance.randbytes(sectors * 512)
        segments = scattered(chance, len(data), DATA)
        put(segments, data)
        assert self.user.do(WRITE, sector, sectors, segments, disk=self.number) == DONE
        self.bytes[sector * 512 : (sector + sectors) * 512] = data

    def read(self, chance: random.Random, sector: int, sectors: int) -> None:
        segments = scattered(chance, sectors * 512, DATA)
        put(segments, b"\xee" * (sectors * 512))
        assert self.user.do(READ, sector, sectors, segments, disk=self.number) == DONE
        assert get(segments) == self.bytes[sector * 512 : (sector + sectors) * 512]

    def zero(self, operation: BlockOperation, sector: int, sectors: int) -> None:
        assert self.user.do(operation, sector, sectors, disk=self.number) == DONE
        self.bytes[sector * 512 : (sector + sectors) * 512] = bytes(sectors * 512)


def compare(run: Run, seed: int, steps: int) -> None:
    chance = random.Random(seed)
    namespaces = {1: Namespace(BLOCKS_512), 5: Namespace(BLOCKS_4096, 12)}
    user = started(run, Kind(namespaces, last_entry=chance.choice([1, 5, 1023]), mdts=chance.choice([0, 6])))
    disks = [Reference(user, 0), Reference(user, 1)]
    for _ in range(steps):
        one = chance.choice(disks)
        unit = int(disk(one.number).block) // 512
        most = int(disk(one.number).bytes_max) // 512 // unit
        sectors = unit * (chance.randint(1, 20) if chance.random() < 0.8 else chance.randint(1, most))
        sector = unit * chance.randrange((len(one.bytes) // 512 - sectors) // unit + 1)
        match chance.randrange(8):
            case 0 | 1 | 2:
                one.write(chance, sector, sectors)
            case 3 | 4 | 5:
                one.read(chance, sector, sectors)
            case 6:
                one.zero(chance.choice([DISCARD, WRITE_ZEROES]), sector, sectors)
            case _:
                assert user.do(FLUSH, disk=one.number) == DONE
    for number, namespace in enumerate(namespaces.values()):
        assert namespace.cached == disks[number].bytes
    assert not user.sent and not user.model.regions


@pytest.mark.parametrize(("run", "examples"), [(in_cpython, 4), (natively, 30)])
def test_a_disk_is_as_good_as_bytes_in_memory(run: Run, examples: int) -> None:
    @settings(max_examples=examples, deadline=None)
    @given(st.integers(0, 1 << 32))
    def check(seed: int) -> None:
        compare(run, seed, 20)

    check()


@everywhere
@pytest.mark.parametrize("offset", [0, 4, 512, 1024, 4092])
@pytest.mark.parametrize("sectors", [1, 8, 9, 16, 17, 1016, 1024])
def test_one_segment_begins_at_any_multiple_of_four(run: Run, offset: int, sectors: int) -> None:
    user = started(run)
    data = random.Random(sectors).randbytes(sectors * 512)
    fill(DATA + offset, data)
    assert user.do(WRITE, 3, sectors, [(DATA + offset, len(data))]) == DONE
    assert user.model.kind.namespaces[1].cached[3 * 512 : (3 + sectors) * 512] == data
    place = DATA + (1 << 20) + offset
    fill(place - 4, b"\xee" * (len(data) + 8))
    assert user.do(READ, 3, sectors, [(place, len(data))]) == DONE
    assert content(place - 4, len(data) + 8) == b"\xee" * 4 + data + b"\xee" * 4


@everywhere
def test_32_segments_of_a_page_are_one_command(run: Run) -> None:
    user = started(run)
    segments = [(DATA + 2 * PAGE * (31 - i), PAGE) for i in range(32)]
    put(segments, data := random.Random(1).randbytes(32 * PAGE))
    assert user.do(WRITE, 0, 256, segments) == DONE
    assert user.model.kind.namespaces[1].cached[: 32 * PAGE] == data
    assert user.model.commands.counts == {1: 1}


LIMITS: dict[str, Callable[[User], BlockOutcome]] = {
    "no sectors": lambda user: user.do(READ, 0, 0, [(DATA, 512)]),
    "no segments": lambda user: user.do(READ, 0, 1, []),
    "behind the end": lambda user: user.do(READ, 4096, 1, [(DATA, 512)]),
    "across the end": lambda user: user.do(WRITE, 4095, 2, [(DATA, 1024)]),
    "a sector of 64 bits": lambda user: user.do(READ, (1 << 64) - 1, 1, [(DATA, 512)]),
    "sum wraps": lambda user: user.do(READ, (1 << 64) - 1, 2, [(DATA, 1024)]),
    "more than at once": lambda user: user.do(READ, 0, 1025, [(DATA, 1025 * 512)]),
    "many sectors": lambda user: user.do(READ, 0, (1 << 32) - 1, [(DATA, 512)]),
    "segments are less": lambda user: user.do(READ, 0, 2, [(DATA, 512)]),
    "segments are more": lambda user: user.do(READ, 0, 1, [(DATA, 1024)]),
    "two are less": lambda user: user.do(READ, 0, 24, [(DATA, PAGE), (DATA + PAGE, PAGE)]),
    "an odd address": lambda user: user.do(READ, 0, 1, [(DATA + 2, 512)]),
    "odd in a list": lambda user: user.do(READ, 0, 24, [(DATA + 2, 12288)]),
    "a piece of a sector": lambda user: user.do(READ, 0, 2, [(DATA, 500), (DATA + 500, 524)]),
    "nothing in a segment": lambda user: user.do(READ, 0, 8, [(DATA, PAGE), (DATA + PAGE, 0)]),
    "meeting within a page": lambda user: user.do(READ, 0, 2, [(DATA, 512), (DATA + 512, 512)]),
    "beginning within a page": lambda user: user.do(READ, 0, 9, [(DATA, PAGE), (DATA + PAGE + 512, 512)]),
    "ending within a page": lambda user: user.do(READ, 0, 9, [(DATA, 512), (DATA + PAGE, PAGE)]),
    "33 segments": lambda user: user.do(READ, 0, 264, [(DATA + i * PAGE, PAGE) for i in range(33)]),
    "above the limit": lambda user: user.do(READ, 0, 1, [((1 << 52) - 508, 512)]),
    "a list above the limit": lambda user: user.do(READ, 0, 24, [((1 << 52) - PAGE, 12288)]),
    "at the end of all": lambda user: user.do(READ, 0, 1, [((1 << 64) - 512, 512)]),
    "a list at the end of all": lambda user: user.do(READ, 0, 24, [((1 << 64) - 12288, 12288)]),
    "discard of nothing": lambda user: user.do(DISCARD, 0, 0),
    "discard behind the end": lambda user: user.do(DISCARD, 4095, 2),
    "zeroes of nothing": lambda user: user.do(WRITE_ZEROES, 0, 0),
    "zeroes behind the end": lambda user: user.do(WRITE_ZEROES, 1, 4096),
    "half a block": lambda user: user.do(READ, 0, 4, [(DATA, 2048)], disk=1),
    "from half a block": lambda user: user.do(WRITE, 4, 8, [(DATA, PAGE)], disk=1),
    "zeroes of half a block": lambda user: user.do(WRITE_ZEROES, 8, 7, disk=1),
    "discard of half a block": lambda user: user.do(DISCARD, 1, 8, disk=1),
    "writing what is read-only": lambda user: user.do(WRITE, 0, 8, [(DATA, PAGE)], disk=2),
    "discarding what is read-only": lambda user: user.do(DISCARD, 0, 8, disk=2),
    "zeroing what is read-only": lambda user: user.do(WRITE_ZEROES, 0, 8, disk=2),
    "no such queue": lambda user: user.do(READ, 0, 8, [(DATA, PAGE)], queue=1),
}


@everywhere
@pytest.mark.parametrize("name", LIMITS)
def test_a_command_that_breaks_the_limits_is_refused_and_never_sent(run: Run, name: str) -> None:
    user = started(run, Kind({1: Namespace(), 2: Namespace(512, 12), 3: Namespace(protected=True)}))
    assert LIMITS[name](user) == REFUSED
    assert user.model.commands.counts == {}
    assert user.do(READ, 0, 8, [(DATA, PAGE)], disk=2) == DONE


@everywhere
def test_what_the_controller_says_of_a_command_is_its_outcome(run: Run) -> None:
    user = started(run, Kind({1: Namespace(says_blocks=5000), 2: Namespace()}))
    user.model.commands.bad_blocks.add((1, 17))
    assert user.do(READ, 16, 4, [(DATA, 2048)]) == IO_ERROR
    assert user.do(READ, 4096, 4, [(DATA, 2048)]) == REFUSED  # it has shrunk
    user.model.kind.namespaces[1].protected = True
    assert user.do(WRITE, 0, 4, [(DATA, 2048)]) == IO_ERROR
    del user.model.kind.namespaces[1]
    assert user.do(FLUSH) == REFUSED
    assert user.do(FLUSH, disk=1) == DONE
    assert int(user.controller.queues[0].errors) == 4 and int(user.controller.queues[0].completed) == 5


@everywhere
def test_what_was_flushed_outlives_the_power(run: Run) -> None:
    user = started(run, Kind({1: Namespace(), 2: Namespace()}))
    namespace = user.model.kind.namespaces[2]
    fill(DATA, b"old!" * 128)
    fill(DATA + PAGE, b"new!" * 128)
    assert user.do(WRITE, 4, 1, [(DATA, 512)], disk=1) == DONE
    assert namespace.durable[4 * 512 : 5 * 512] == bytes(512)
    assert user.do(FLUSH, disk=0) == DONE
    assert namespace.durable[4 * 512 : 5 * 512] == bytes(512)
    assert user.do(FLUSH, disk=1) == DONE
    for sector in range(100, 140):
        assert user.do(WRITE, sector, 1, [(DATA + PAGE, 512)], disk=1) == DONE
    namespace.lose_power(random.Random(7))
    assert user.do(READ, 4, 1, [(DATA + 2 * PAGE, 512)], disk=1) == DONE
    assert content(DATA + 2 * PAGE, 512) == b"old!" * 128
    left = [namespace.cached[sector * 512 : sector * 512 + 4] for sector in range(100, 140)]
    assert b"new!" in left and bytes(4) in left


@everywhere
def test_a_full_queue_takes_one_more_for_each_that_is_collected(run: Run) -> None:
    user = started(run, queues=2)
    user.model.automatic = False
    numbers = [user.submit(READ, i, 1, [(DATA + i * PAGE, 512)]) for i in range(32)]
    assert None not in numbers and user.submit(FLUSH) is None and user.submit(FLUSH) is None
    assert user.submit(FLUSH, queue=1) is not None
    chance = random.Random(3)
    for _ in range(200):
        done = user.model.work(chance.randrange(32))
        found = user.collect(done.queue - 1)
        assert found is not None and found[1] == DONE and user.collect(done.queue - 1) is None
        assert user.submit(FLUSH, queue=done.queue - 1) is not None
    while user.model.waiting:
        user.model.work()
    assert len(user.collect_all(0)) == 32 and len(user.collect_all(1)) == 1 and not user.sent


@everywhere
def test_commands_come_back_from_their_own_queue_in_the_order_of_their_completion(run: Run) -> None:
    user = started(run, queues=4)
    user.model.automatic = False
    sent = {queue: [user.submit(FLUSH, queue=queue) for _ in range(5)] for queue in (2, 0, 3)}
    for index in (14, 3, 8, 0, 4):
        user.model.work(index)
    assert user.collect(1) is None
    assert list(user.collect_all(2)) == [sent[2][i] for i in (3, 0)]
    assert list(user.collect_all(3)) == [sent[3][4]]
    assert list(user.collect_all(0)) == [sent[0][i] for i in (4, 1)]


@everywhere
def test_the_controller_is_told_once_of_many_completions(run: Run) -> None:
    user = started(run)
    user.model.automatic = False
    before = user.model.head_doorbells
    for _ in range(32):
        user.submit(FLUSH)
    while user.model.waiting:
        user.model.work()
    assert len(user.collect_all()) == 32
    assert user.model.head_doorbells == before + 1
    ring = user.model.completions[1]
    assert ring.head == ring.tail


@everywhere
@pytest.mark.parametrize("last_entry", [3, 63])
def test_one_command_that_takes_its_time_does_not_fill_the_ring(run: Run, last_entry: int) -> None:
    user = started(run, Kind(last_entry=last_entry))
    user.model.automatic = False
    user.submit(READ, 0, 8, [(DATA, PAGE)])
    for _ in range(150):
        number = user.submit(FLUSH)
        user.model.work(1)  # which refuses to overflow
        assert user.collect() == (number, DONE)
    user.model.work()
    assert len(user.collect_all()) == 1


@everywhere
def test_a_small_ring_goes_round_and_round(run: Run) -> None:
    user = started(run, Kind(last_entry=4))
    user.model.automatic = False
    for turn in range(30):
        assert user.submit(FLUSH) is not None and user.submit(FLUSH) is not None and user.submit(FLUSH) is None
        user.model.work(turn % 2)
        if turn % 3:
            assert len(user.collect_all()) == 1
        user.model.work()
        user.collect_all()
        assert not user.sent
    assert int(user.controller.queues[0].spurious) == 0


@everywhere
@pytest.mark.parametrize("automatic", [False, True])
def test_zeroes_of_any_length_are_written_in_parts(run: Run, automatic: bool) -> None:
    length = 2 * 65536 + 5
    user = started(run, Kind({1: Namespace(length + 20)}))
    namespace = user.model.kind.namespaces[1]
    for sector in (9, 10, 65545, 65546, 131081, 131086, length + 9, length + 10):
        namespace.cached[sector * 512] = 7
    user.model.automatic = automatic
    number = user.submit(WRITE_ZEROES, 10, length)
    other = user.submit(FLUSH)
    found = {}
    for _ in range(8):
        while user.model.waiting:
            user.model.work()
        found.update(user.collect_all())
    assert found == {number: DONE, other: DONE}
    assert user.model.commands.counts == {8: 3, 0: 1}
    left = [sector for sector in range(length + 20) if namespace.cached[sector * 512]]
    assert left == [9, length + 10]
    assert int(user.controller.queues[0].unfinished) == 0


@everywhere
def test_a_success_with_more_in_the_log_is_a_success(run: Run) -> None:
    user = started(run, Kind({1: Namespace(70000)}))
    user.model.automatic = False
    number = user.submit(WRITE_ZEROES, 0, 70000)
    for _ in range(2):
        command = user.model.waiting.pop()
        user.model.complete(command, user.model.commands.io(command.entry) | MORE)
        found = user.collect_all()
    assert found == {number: DONE} and user.model.commands.counts == {8: 2}
    assert int(user.controller.queues[0].errors) == 0


@everywhere
def test_a_part_of_zeroes_that_fails_is_the_end_of_the_command(run: Run) -> None:
    user = started(run, Kind({1: Namespace(70000)}))
    user.model.commands.bad_blocks.add((1, 66000))
    assert user.do(WRITE_ZEROES, 0, 70000) == IO_ERROR
    assert user.model.commands.counts == {8: 2}
    assert user.do(FLUSH) == DONE


@everywhere
def test_the_table_says_what_a_disk_of_large_blocks_needs(run: Run) -> None:
    user = started(run, Kind({1: Namespace(BLOCKS_4096, 12)}))
    fill(DATA, b"abcd" * 1024)
    assert user.do(WRITE, 8 * (BLOCKS_4096 - 1), 8, [(DATA, PAGE)]) == DONE
    assert user.model.kind.namespaces[1].cached[-4:] == b"abcd"
    assert user.do(DISCARD, 8 * (BLOCKS_4096 - 1), 8) == DONE
    assert user.model.kind.namespaces[1].cached[-4:] == bytes(4)
    assert u64(disk().sectors) == u64(8 * BLOCKS_4096) and u32(disk().block) == u32(PAGE)
