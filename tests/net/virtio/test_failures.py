"""Network devices that fail, lie or are pulled out."""

import struct
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codegen.lang import u32
from drivers.net.fault import NetFault
from drivers.net.port import NET
from drivers.net.virtio.receive import virtio_net_receive_done
from drivers.net.virtio.start import virtio_net_start
from drivers.net.virtio.state import NETS
from drivers.pci.functions import PciOwner
from tests.net.virtio.card import ALL, MAC, PLAIN, RECEIVE, SECOND, SEND, NetDevice, User, configuration
from tests.net.virtio.test_frames import frame
from tests.virtio.device import EVENT_INDEX, VERSION_1
from tests.virtio.execution import Run, everywhere, in_cpython, natively


def works(user: User) -> None:
    user.device.eager = True
    before = len(user.device.sent)
    assert user.send(frame(60))
    assert len(user.device.sent) == before + 1
    user.take_all()
    assert user.device.receive(frame(77, 7))
    assert user.take_all() == [frame(77, 7)]


def gone(user: User) -> None:
    assert bool(user.port.gone) and not user.port.link
    assert not user.device.master()
    assert user.room() is None and user.take() is None
    assert user.tick(3600 * SECOND) == -1


@everywhere
@pytest.mark.parametrize("reset_reads", [0, 4])
def test_a_frame_that_never_leaves_gets_the_device_reset(run: Run, reset_reads: int) -> None:
    user = User(run)
    user.device.eager = False
    user.device.reset_reads = reset_reads
    assert user.send(frame(60))
    for _ in range(5):
        assert user.tick(SECOND - 1_000_000) == SECOND
    assert user.tick(2 * SECOND) == 1_000_000
    assert not user.port.link
    if reset_reads:
        assert user.room() is None and user.take() is None
    user.recover()
    assert bool(user.port.link)
    works(user)


@everywhere
def test_frames_that_leave_in_time_are_not_taken_for_stuck(run: Run) -> None:
    user = User(run)
    user.device.eager = False
    for number in range(30):
        assert user.send(frame(60, number))
        user.device.serve(SEND)
        assert user.send(frame(60, number))
        assert user.tick(SECOND) == SECOND
        user.device.serve(SEND)
    assert user.device.resets == 1


@everywhere
def test_a_device_that_needs_a_reset_gets_it_and_the_held_frame_stays(run: Run) -> None:
    user = User(run)
    user.device.receive(frame(60, 1))
    assert user.take() == frame(60, 1)
    user.device.need_reset()
    assert user.tick() == 1_000_000
    user.recover()
    while user.device.receive(frame(90, 2)):
        pass
    assert user.held() == frame(60, 1)
    user.done()
    works(user)
    user.device.receive(frame(61, 1))
    assert user.take() == frame(61, 1)
    user.device.need_reset()
    user.tick()
    user.done()
    user.recover()
    user.take_all()
    count = 0
    while user.device.receive(frame(90, 2)):
        count += 1
    assert count == 64


@everywhere
def test_a_reset_that_does_not_end_is_the_end(run: Run) -> None:
    user = User(run)
    user.device.reset_reads = 1 << 30
    user.device.need_reset()
    for _ in range(10):
        assert user.tick(SECOND // 20) == 1_000_000
    user.tick(SECOND)
    gone(user)


@everywhere
def test_after_three_resets_in_vain_it_is_given_up(run: Run) -> None:
    user = User(run)
    for _ in range(3):
        user.device.need_reset()
        user.tick()
        user.recover()
        assert not user.port.gone
    user.device.need_reset()
    user.tick()
    gone(user)


@everywhere
def test_a_device_that_works_in_between_is_not_given_up(run: Run) -> None:
    user = User(run)
    for _ in range(8):
        user.device.need_reset()
        user.tick()
        user.recover()
        works(user)


def give_several(device: NetDevice, heads: list[int]) -> None:
    for head in heads:
        device.give_back(RECEIVE, head, 25)


LIES: dict[str, Callable[[NetDevice], None]] = {
    "no such buffer": lambda device: device.give_back(RECEIVE, 64, 100),
    "the highest number": lambda device: device.give_back(RECEIVE, 0xFFFF_FFFF, 100),
    "more than fits": lambda device: device.give_back(RECEIVE, 0, 12 + 1519),
    "far more than fits": lambda device: device.give_back(RECEIVE, 0, 0xFFFF_FFFF),
    "an index that jumps": lambda device: device.set_used(RECEIVE, 5000),
    "runts without end": lambda device: give_several(device, list(range(64))),
}


@everywhere
@pytest.mark.parametrize("lie", LIES)
def test_a_receive_ring_that_lies_gets_the_device_reset(run: Run, lie: str) -> None:
    user = User(run)
    LIES[lie](user.device)
    while user.take() is not None:
        user.run(virtio_net_receive_done, u32(0))
    assert int(NETS.nets[0].nonsense) == 1
    assert user.tick() == 1_000_000
    user.recover()
    works(user)


@everywhere
def test_a_few_runts_are_dropped(run: Run) -> None:
    user = User(run)
    for length in (0, 11, 12, 25):
        user.device.receive(b"", length)
    user.device.receive(frame(60))
    assert user.take_all() == [frame(60)]
    assert int(NETS.nets[0].runts) == 4 and int(NETS.nets[0].nonsense) == 0


@everywhere
@pytest.mark.parametrize("head", [5, 31, 32, 64, 0xFFFF_FFFF])
def test_a_send_ring_that_lies_gets_the_device_reset(run: Run, head: int) -> None:
    user = User(run)
    user.device.eager = False
    assert user.send(frame(60))
    user.device.give_back(SEND, head, 0)
    assert user.tick() == 1_000_000
    assert int(NETS.nets[0].nonsense) == 1
    user.recover()
    works(user)


@everywhere
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    entries=st.lists(
        st.tuples(st.one_of(st.integers(0, 66), st.integers(0, 2**32 - 1)), st.integers(0, 2**32 - 1)), max_size=12
    ),
    index=st.integers(0, 300),
    queue=st.sampled_from([RECEIVE, SEND]),
)
def test_any_used_ring_is_survived(run: Run, entries: list[tuple[int, int]], index: int, queue: int) -> None:
    user = User(run)
    user.device.eager = False
    for number in range(16):
        user.send(frame(60, number))
    ring = user.device.queues[queue]
    for number, (head, length) in enumerate(entries):
        place = (ring.used + number) % ring.size
        user.device.put(ring.areas["used"] + 4 + 8 * place, struct.pack("<II", head, length))
    user.device.put(ring.areas["used"] + 2, struct.pack("<H", ring.used + index & 0xFFFF))
    frames = 0
    while user.take() is not None:
        frames += 1
        user.run(virtio_net_receive_done, u32(0))
    assert frames <= 300
    user.room()
    user.device.need_reset()
    user.tick()
    user.recover()
    works(user)


@pytest.mark.parametrize("run", [natively])
def test_a_device_pulled_out_at_any_step_is_gone(run: Run) -> None:
    steps = scene(run, 1 << 30)
    assert steps > 50
    for step in {*range(1, steps + 1, 5), *range(max(steps - 40, 1), steps + 1)}:
        scene(run, step)


def test_in_cpython_too() -> None:
    for step in range(1, 120, 11):
        scene(in_cpython, step)


def scene(run: Run, last: int) -> int:
    def pull(step: int) -> None:
        if step == last:
            devices[0].dead = devices[0].function.gone = True
            devices[0].status = 0

    def before(device: NetDevice) -> None:
        devices.append(device)
        device.on_step = pull

    devices: list[NetDevice] = []
    user = User(run, before=before)
    device = devices[0]
    if user.fault is not None:
        assert last != 1 << 30 and int(NET.port_count) == 0 and int(NETS.net_count) == 0
        return device.steps
    for number in range(4):
        user.send(frame(60, number))
        if not device.dead:
            device.receive(frame(60, number))
        user.take_all()
    if not device.dead:
        device.need_reset()
    for _ in range(4):
        user.tick(SECOND)
    if device.dead:
        user.tick(SECOND)
    assert bool(user.port.gone) == device.dead
    if device.dead:
        assert user.room() is None and user.take() is None and user.tick() == -1
    return device.steps


def never_reset(device: NetDevice) -> None:
    device.status = 15
    device.reset_reads = 1 << 30


def refusing(device: NetDevice) -> None:
    device.refuse_features = True


def no_vectors(device: NetDevice) -> None:
    device.refuse_vectors = True


def nothing(device: NetDevice) -> None:
    pass


def set_id(value: int) -> Callable[[NetDevice], None]:
    return lambda device: device.function.put(0, 4, value)


@everywhere
@pytest.mark.parametrize(
    ("change", "keywords", "fault"),
    [
        (set_id(0x1042_1AF4), {}, NetFault.UNSUPPORTED),
        (set_id(0x1000_1AF4), {}, None),
        (never_reset, {}, NetFault.TIMED_OUT),
        (refusing, {}, NetFault.UNSUPPORTED),
        (no_vectors, {}, NetFault.FAILED),
        (nothing, {"features": ALL & ~VERSION_1}, NetFault.UNSUPPORTED),
        (nothing, {"features": ALL & ~MAC}, NetFault.UNSUPPORTED),
        (nothing, {"features": PLAIN & ~EVENT_INDEX}, None),
        (nothing, {"size": 0}, NetFault.UNSUPPORTED),
        (nothing, {"size": 48}, NetFault.UNSUPPORTED),
        (nothing, {"size": 1}, None),
        (nothing, {"config": configuration(bytes(6))}, NetFault.FAILED),
        (nothing, {"config": configuration(b"\xff" * 6)}, NetFault.FAILED),
        (nothing, {"config": configuration(b"\x01\x00\x5e\x00\x00\x01")}, NetFault.FAILED),
        (nothing, {"config": b""}, NetFault.FAILED),
        (nothing, {"memory": 1 << 16}, NetFault.NO_MEMORY),
    ],
)
def test_a_device_that_cannot_be_used_says_why(
    run: Run, change: Callable[[NetDevice], None], keywords: dict[str, object], fault: NetFault | None
) -> None:
    user = User(run, before=change, **keywords)  # type: ignore[arg-type]
    assert user.fault is None if fault is None else user.fault == fault
    if fault is not None:
        assert int(NET.port_count) == 0 and int(NETS.net_count) == 0
        assert not user.device.master()


@everywhere
def test_there_is_room_for_four(run: Run) -> None:
    user = User(run)
    NETS.net_count = 4
    user.function.owner = PciOwner.NONE
    assert run(virtio_net_start, user.function) == NetFault.NO_ROOM
