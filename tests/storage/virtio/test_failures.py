"""Devices that fail, lie or are pulled out: every command ends once, and none while the device may reach its memory."""

import struct
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codegen.lang import u32
from drivers.pci.functions import PciOwner
from drivers.storage.command import COMMANDS, BlockOutcome
from drivers.storage.disk import DISKS, DISKS_MAX
from drivers.storage.fault import StorageFault
from drivers.storage.virtio.start import virtio_block_start
from drivers.storage.virtio.state import BLOCKS
from tests.storage.virtio.disk import ALL, READ, SECOND, WRITE, BlockDevice, User, configuration
from tests.virtio.device import INDIRECT, VERSION_1
from tests.virtio.execution import Run, everywhere, in_cpython, natively
from tests.virtio.machine import Machine

DONE, RESET, TIMED_OUT, GONE = BlockOutcome.DONE, BlockOutcome.RESET, BlockOutcome.TIMED_OUT, BlockOutcome.GONE


def busy_user(run: Run, commands: int = 3, **keywords: object) -> User:
    """With commands on their way, of which the first is late after a second and the others after an hour."""
    user = User(run, queues=2, **keywords)  # type: ignore[arg-type]
    user.device.eager = False
    for number in range(commands):
        user.ask(number, READ, number % 2, sector=number, sectors=1, deadline=SECOND if number == 0 else 3600 * SECOND)
        user.device.fetch(number % 2)
    return user


def gone(user: User) -> None:
    """All is over: no DMA, and what is submitted is at an end at once."""
    assert bool(DISKS.disks[0].gone)
    assert not user.device.master()
    assert user.tick() in (0, -1)
    for queue in (0, 1):
        user.collect_all(queue)
    assert user.asked == {} and user.tick() == -1
    user.ask(9, WRITE, sector=0, sectors=1)
    assert user.tick() == 0
    assert user.collect_all() == [9]
    assert user.outcomes[9] == GONE
    assert user.tick(3600 * SECOND) == -1


@everywhere
@pytest.mark.parametrize("reset_reads", [0, 1, 5])
def test_a_deadline_resets_the_device_and_the_disk_goes_on(run: Run, reset_reads: int) -> None:
    user = busy_user(run)
    user.device.reset_reads = reset_reads
    assert user.tick() <= SECOND
    assert user.tick(SECOND // 2) > 0
    assert user.collect_all(0) == [] and user.collect_all(1) == []
    wait = user.tick(SECOND)
    for _ in range(reset_reads):
        assert wait == 1_000_000, "it is being reset"
        assert user.collect_all(0) == [] and user.collect_all(1) == []
        user.prepare(5, READ, 0, 1)
        assert not user.submit(5)
        wait = user.tick(1_000_000)
    if reset_reads == 0:
        wait = user.tick(1_000_000)
    assert wait == 0, "commands are to be collected"
    assert sorted([*user.collect_all(0), *user.collect_all(1)]) == [0, 1, 2]
    assert user.outcomes == {0: TIMED_OUT, 1: RESET, 2: RESET}
    assert user.tick() == -1
    user.device.eager = True
    assert user.do(WRITE, sector=1, sectors=2) == DONE
    assert user.do(READ, sector=0, sectors=4) == DONE
    assert [queue.vector for queue in user.device.queues[:2]] == [0, 1]


@everywhere
def test_what_the_device_had_done_before_the_deadline_counts(run: Run) -> None:
    user = busy_user(run)
    user.device.finish(0, 0)
    resets = user.device.resets
    assert user.tick(2 * SECOND) == 0
    assert user.device.resets == resets
    assert user.collect_all(0) == [0] and user.outcomes[0] == DONE


@everywhere
def test_a_device_that_needs_a_reset_gets_one_within_a_second(run: Run) -> None:
    user = busy_user(run)
    user.device.need_reset()
    assert user.tick() <= SECOND
    user.recover()
    assert sorted([*user.collect_all(0), *user.collect_all(1)]) == [0, 1, 2]
    assert user.outcomes == {0: RESET, 1: RESET, 2: RESET}
    user.device.eager = True
    assert user.do(READ, sector=0, sectors=4) == DONE


@everywhere
def test_that_holds_for_commands_without_a_deadline_too(run: Run) -> None:
    user = User(run)
    user.device.silent = True
    user.ask(0, READ, sector=0, sectors=1)
    COMMANDS[0].deadline = 2**64 - 1
    user.device.need_reset()
    assert user.tick() == 1_000_000
    user.recover()
    assert user.collect_all() == [0] and user.outcomes[0] == RESET


@everywhere
def test_a_device_that_resets_itself_is_set_up_again(run: Run) -> None:
    user = busy_user(run)
    user.device.forget()
    user.recover()
    assert sorted([*user.collect_all(0), *user.collect_all(1)]) == [0, 1, 2]
    user.device.eager = True
    assert user.do(READ, sector=0, sectors=4) == DONE


@everywhere
def test_a_reset_that_does_not_end_is_the_end(run: Run) -> None:
    user = busy_user(run)
    user.device.reset_reads = 1 << 30
    user.tick(2 * SECOND)
    for _ in range(10):
        assert user.tick(SECOND // 20) == 1_000_000
        assert user.collect_all(0) == [] and user.collect_all(1) == []
        assert user.device.master()
    user.tick(SECOND)
    gone(user)
    assert {user.outcomes[number] for number in range(3)} == {GONE}


@everywhere
def test_after_three_resets_without_anything_done_it_is_given_up(run: Run) -> None:
    user = busy_user(run, 1)
    for number in range(1, 4):
        user.tick(2 * SECOND)
        user.recover()
        assert user.collect_all() == [number - 1] and user.outcomes[number - 1] == TIMED_OUT
        assert not DISKS.disks[0].gone
        user.ask(number, READ, sector=0, sectors=1)
    user.tick(2 * SECOND)
    gone(user)
    assert user.outcomes[3] == GONE


@everywhere
def test_a_command_done_in_between_starts_the_count_again(run: Run) -> None:
    user = busy_user(run, 1)
    for number in range(8):
        user.tick(2 * SECOND)
        user.recover()
        user.collect_all()
        user.device.eager = True
        assert user.do(READ, sector=0, sectors=1) == DONE
        user.device.eager = False
        user.ask(number, READ, sector=0, sectors=1)
        user.device.fetch(0)
    assert not DISKS.disks[0].gone


@everywhere
@pytest.mark.parametrize("change", ["features", "queue size", "vectors", "refuses", "notify"])
def test_a_device_that_is_another_one_after_the_reset_is_given_up(run: Run, change: str) -> None:
    user = busy_user(run)
    match change:
        case "features":
            user.device.features &= ~INDIRECT
        case "queue size":
            user.device.most = 32
        case "vectors":
            user.device.refuse_vectors = True
        case "refuses":
            user.device.refuse_features = True
        case "notify":
            read = user.device.read
            user.device.read = lambda offset, width: 0xFFFF if offset == 30 else read(offset, width)  # type: ignore[method-assign]
    user.tick(2 * SECOND)
    user.recover()
    gone(user)


# ---- rings that lie


def give_several(device: BlockDevice, heads: list[int]) -> None:
    for head in heads:
        device.give_back(0, head, 513)


LIES: dict[str, Callable[[BlockDevice], None]] = {
    "a slot that is free": lambda device: device.give_back(0, 7, 1),
    "no slot": lambda device: device.give_back(0, 64, 1),
    "the middle of a chain": lambda device: device.give_back(0, 0x4001, 1),
    "the highest number": lambda device: device.give_back(0, 0xFFFF_FFFF, 1),
    "a number that loses its upper bits": lambda device: device.give_back(0, 0x1_0000, 1),
    "twice": lambda device: give_several(device, [device.queues[0].waiting[0].head] * 2),
    "an index that jumps": lambda device: device.set_used(0, device.queues[0].used + 1000),
    "an index that goes back": lambda device: device.set_used(0, device.queues[0].used - 1),
}


@everywhere
@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("features", [ALL, ALL & ~INDIRECT])
def test_a_used_ring_that_says_what_cannot_be_gets_the_device_reset(run: Run, lie: str, features: int) -> None:
    user = busy_user(run, 3, features=features)
    LIES[lie](user.device)
    first = user.collect_all(0)
    assert len(first) <= 2
    assert user.tick() == 1_000_000
    user.recover()
    assert sorted([*first, *user.collect_all(0), *user.collect_all(1)]) == [0, 1, 2]
    assert int(BLOCKS.blocks[0].queues[0].nonsense) == 1
    user.device.eager = True
    assert user.do(READ, sector=0, sectors=4) == DONE


@everywhere
def test_absurd_lengths_change_nothing(run: Run) -> None:
    for length in (0, 1 << 31, 0xFFFF_FFFF):
        user = busy_user(run, 1)
        chain = user.device.queues[0].waiting.pop()
        user.device.work(chain)
        user.device.give_back(0, chain.head, length)
        assert user.collect_all() == [0] and user.outcomes[0] == DONE


@everywhere
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    entries=st.lists(
        st.tuples(st.one_of(st.integers(0, 66), st.integers(0, 2**32 - 1)), st.integers(0, 2**32 - 1)), max_size=12
    ),
    index=st.one_of(st.integers(0, 12), st.integers(0, 0xFFFF)),
    event=st.integers(0, 0xFFFF),
)
def test_any_used_ring_ends_each_command_at_most_once(
    run: Run, entries: list[tuple[int, int]], index: int, event: int
) -> None:
    user = busy_user(run, 6)
    queue = user.device.queues[0]
    for number, (head, length) in enumerate(entries):
        place = (queue.used + number) % queue.size
        user.device.put(queue.areas["used"] + 4 + 8 * place, struct.pack("<II", head, length))
    user.device.put(queue.areas["used"] + 2, struct.pack("<H", queue.used + index & 0xFFFF))
    user.device.put(queue.areas["used"] + 4 + 8 * queue.size, struct.pack("<H", event))
    user.device.silent = True
    taken = []
    for command in list(user.asked):
        user.asked[command].expected = None  # what it says is read may be anything
    found = [number for number in iter(lambda: user.run_collect(0), None)]
    taken += found
    user.device.need_reset()
    user.recover()
    taken += [*iter(lambda: user.run_collect(0), None), *iter(lambda: user.run_collect(1), None)]
    assert sorted(taken) == list(range(6))


# ---- surprise removal


@pytest.mark.parametrize("run", [natively])
def test_a_device_pulled_out_at_any_step_ends_everything(run: Run) -> None:
    """The n-th access of a register finds nothing, for each n of a start, a few commands and a recovery."""
    steps = scene(run, 1 << 30)
    assert steps > 60
    for step in range(1, steps + 2):
        scene(run, step)


def test_in_cpython_too() -> None:
    for step in range(1, 140, 9):
        scene(in_cpython, step)


def scene(run: Run, last: int) -> int:
    """Gives how many accesses there were until the end."""

    def pull(step: int) -> None:
        if step == last:
            devices[0].dead = devices[0].function.gone = True
            devices[0].status = 0

    def before(device: BlockDevice) -> None:
        devices.append(device)
        device.on_step = pull

    devices: list[BlockDevice] = []
    user = User(run, before=before)
    device = devices[0]
    if user.fault is not None:
        assert last != 1 << 30 and int(DISKS.disk_count) == 0 and int(BLOCKS.block_count) == 0
        return device.steps
    for number in range(4):
        user.ask(number, WRITE, sector=number, sectors=1)
    user.collect_all()
    user.device.eager = False
    for number in range(4, 8):
        user.ask(number, READ, sector=number, sectors=1)
    user.tick(2 * SECOND)
    for _ in range(8):
        user.tick(SECOND)
    user.collect_all()
    assert user.asked == {} or not device.dead
    if last == 1 << 30:
        assert not DISKS.disks[0].gone
    elif device.dead:
        user.tick(SECOND)
        user.prepare(20, READ, 0, 1)
        if user.submit(20):
            user.tick(2 * SECOND)
            user.recover()
            assert user.collect_all() == [20] and user.outcomes[20] == GONE
        assert bool(DISKS.disks[0].gone)
    return device.steps


# ---- devices that do not start


def failing(run: Run, change: Callable[[BlockDevice], None], **keywords: object) -> StorageFault | None:
    user = User(run, before=change, **keywords)  # type: ignore[arg-type]
    if user.fault is not None:
        assert int(DISKS.disk_count) == 0 and int(BLOCKS.block_count) == 0
        assert not user.device.master(), "a device that did not start may still do DMA"
    return user.fault


def set_id(value: int) -> Callable[[BlockDevice], None]:
    return lambda device: device.function.put(0, 4, value)


def silent(device: BlockDevice) -> None:
    device.silent = True


def never_reset(device: BlockDevice) -> None:
    device.status = 15  # firmware has used it
    device.reset_reads = 1 << 30


def refusing(device: BlockDevice) -> None:
    device.refuse_features = True


def no_vectors(device: BlockDevice) -> None:
    device.refuse_vectors = True


def liar(device: BlockDevice) -> None:
    device.work = lambda chain: device.give_back(0, 5, 1) or 1  # type: ignore[method-assign, func-returns-value]


def nothing(device: BlockDevice) -> None:
    pass


@everywhere
@pytest.mark.parametrize(
    ("change", "keywords", "fault"),
    [
        (set_id(0x1041_1AF4), {}, StorageFault.UNSUPPORTED),
        (set_id(0x1042_8086), {}, StorageFault.UNSUPPORTED),
        (set_id(0x1001_1AF4), {}, None),
        (never_reset, {}, StorageFault.TIMED_OUT),
        (silent, {}, StorageFault.TIMED_OUT),
        (refusing, {}, StorageFault.UNSUPPORTED),
        (no_vectors, {}, StorageFault.FAILED),
        (liar, {}, StorageFault.FAILED),
        (nothing, {"features": ALL & ~VERSION_1}, StorageFault.UNSUPPORTED),
        (nothing, {"size": 0}, StorageFault.UNSUPPORTED),
        (nothing, {"size": 100}, StorageFault.UNSUPPORTED),
        (nothing, {"size": 2}, StorageFault.UNSUPPORTED),
        (nothing, {"size": 4}, None),
        (nothing, {"there": 0}, StorageFault.UNSUPPORTED),
        (nothing, {"config": configuration(queues=0)}, None),
        (nothing, {"config": configuration(queues=0xFFFF)}, None),
        (nothing, {"config": configuration(segments=0)}, None),
        (nothing, {"config": configuration(segments=0xFFFF_FFFF)}, None),
        (nothing, {"config": configuration(block=0)}, StorageFault.UNSUPPORTED),
        (nothing, {"config": configuration(block=256)}, StorageFault.UNSUPPORTED),
        (nothing, {"config": configuration(block=1536)}, StorageFault.UNSUPPORTED),
        (nothing, {"config": configuration(block=8192)}, StorageFault.UNSUPPORTED),
        (nothing, {"config": configuration(capacity=2**64 - 1)}, StorageFault.UNSUPPORTED),
        (nothing, {"config": configuration(capacity=0)}, None),
        (nothing, {"config": b"", "features": VERSION_1}, None),
        (nothing, {"memory": 4096}, StorageFault.NO_MEMORY),
    ],
)
def test_a_device_that_cannot_be_used_says_why(
    run: Run, change: Callable[[BlockDevice], None], keywords: dict[str, object], fault: StorageFault | None
) -> None:
    assert failing(run, change, **keywords) == fault


@everywhere
def test_a_function_that_another_driver_has_is_left_to_it(run: Run) -> None:
    machine = Machine()
    (function,) = machine.plug(BlockDevice())
    function.owner = PciOwner.NVME
    assert run(virtio_block_start, function, u32(1)) == StorageFault.TAKEN
    assert function.owner == PciOwner.NVME


@everywhere
def test_there_is_room_for_four_controllers_and_for_sixteen_disks(run: Run) -> None:
    user = User(run)
    BLOCKS.block_count = 4
    user.function.owner = PciOwner.NONE
    assert run(virtio_block_start, user.function, u32(1)) == StorageFault.NO_ROOM
    BLOCKS.block_count = 1
    while int(DISKS.disk_count) < DISKS_MAX:
        DISKS.disk_count = int(DISKS.disk_count) + 1
    assert run(virtio_block_start, user.function, u32(1)) == StorageFault.NO_ROOM
    assert not user.device.master()
