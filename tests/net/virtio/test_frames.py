from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codegen.lang import u8, u32
from drivers.interrupt.message import message_address, message_data
from drivers.net.port import NET, NetDriver
from drivers.net.virtio.send import virtio_net_send
from drivers.net.virtio.start import virtio_net_connect
from drivers.net.virtio.state import NETS
from drivers.pci.functions import PciOwner
from tests.net.virtio.card import ADDRESS, ALL, FRAME, PLAIN, RECEIVE, SECOND, SEND, STATUS, Sent, User
from tests.virtio.device import ACCESS_PLATFORM, EVENT_INDEX, VERSION_1
from tests.virtio.execution import Run, everywhere, in_cpython, natively

NOTHING = (0, 0, 0, 0, 0, 0)
KINDS: dict[str, dict[str, Any]] = {
    "all features": {},
    "no event index": {"features": ALL & ~EVENT_INDEX},
    "no offloads": {"features": PLAIN},
    "short queues": {"features": PLAIN, "size": 4},
}
kinds = pytest.mark.parametrize("kind", KINDS)


def frame(length: int, seed: int = 0) -> bytes:
    return bytes((i * 5 + i // 256 + seed) & 0xFF for i in range(length))


@everywhere
def test_a_port_is_in_the_table_with_what_the_device_says(run: Run) -> None:
    user = User(run)
    assert user.fault is None and int(NET.port_count) == 1
    port = user.port
    assert (port.driver, int(port.controller), int(port.requester)) == (NetDriver.VIRTIO, 0, 3 << 3)
    assert bytes(int(port.mac[i]) for i in range(6)) == ADDRESS
    assert bool(port.link) and bool(port.checksums) and bool(port.segments) and not port.gone
    assert user.function.owner == PciOwner.VIRTIO
    taken = user.device.accepted
    assert taken & ~ALL == 0 and taken & VERSION_1 and taken & ACCESS_PLATFORM and taken & EVENT_INDEX
    user = User(run, features=PLAIN)
    assert not user.port.checksums and not user.port.segments


@everywhere
@kinds
def test_frames_go_out_as_they_were_written(run: Run, kind: str) -> None:
    user = User(run, **KINDS[kind])
    frames = [frame(length, length) for length in (14, 15, 60, 61, 1514, 1518)] * 20
    for data in frames:
        assert user.send(data)
    assert user.device.sent == [Sent(NOTHING, data) for data in frames]


@everywhere
@kinds
def test_frames_come_in_whole_and_in_order(run: Run, kind: str) -> None:
    user = User(run, **KINDS[kind])
    slots = user.device.queues[RECEIVE].size
    for turn in range(5):
        frames = [frame(length, turn) for length in (14, 60, 1514, 1518)[:slots]]
        for data in frames:
            assert user.device.receive(data)
        assert user.take_all() == frames


@everywhere
def test_what_is_left_to_the_device_stands_in_its_header(run: Run) -> None:
    user = User(run)
    small, large = frame(1000), frame(65550)
    assert user.send(small, checksum_wanted=True, checksum_start=34, checksum_offset=16)
    offload = dict(checksum_wanted=True, checksum_start=34, checksum_offset=16, header_bytes=54, segment_bytes=1448)
    assert user.send(large, segment=1, **offload)
    assert user.send(small, segment=4, **offload)
    assert user.send(small)
    assert user.device.sent == [
        Sent((1, 0, 0, 0, 34, 16), small),
        Sent((1, 1, 54, 1448, 34, 16), large),
        Sent((1, 4, 54, 1448, 34, 16), small),
        Sent(NOTHING, small),
    ]


@everywhere
@pytest.mark.parametrize("features", [ALL, PLAIN])
def test_a_frame_that_asks_for_too_much_does_not_leave(run: Run, features: int) -> None:
    user = User(run, features=features)
    checksum = dict(checksum_wanted=True, checksum_start=34, checksum_offset=16)
    bad: list[tuple[int, dict[str, int]]] = [
        (13, {}),
        (1519, {}),
        (100, {**checksum, "checksum_start": 83}),
        (100, {**checksum, "checksum_start": 0xFFFF, "checksum_offset": 0xFFFF}),
        (100, {"segment": 1, "header_bytes": 54, "segment_bytes": 1448}),
        (100, {**checksum, "segment": 3, "header_bytes": 54, "segment_bytes": 1448}),
        (100, {**checksum, "segment": 1, "header_bytes": 101, "segment_bytes": 1448}),
        (100, {**checksum, "segment": 1, "header_bytes": 54, "segment_bytes": 0}),
    ]
    if features == ALL:
        bad.append((65551, {**checksum, "segment": 1, "header_bytes": 54, "segment_bytes": 1448}))
    else:
        bad.append((100, checksum))
    for length, offload in bad:
        assert user.send(frame(length), **offload)
    assert user.device.sent == []
    assert int(NETS.nets[0].refused) == len(bad)
    place = user.room()
    FRAME.zero()
    FRAME.at, FRAME.bytes = place + 16, 60
    run(virtio_net_send, u32(0), FRAME)
    assert user.device.sent == []
    assert user.send(frame(60))
    assert len(user.device.sent) == 1


@everywhere
@kinds
def test_a_full_ring_has_room_again_and_says_so(run: Run, kind: str) -> None:
    user = User(run, **KINDS[kind])
    user.device.eager = False
    sent = 0
    while user.send(frame(60, sent)):
        sent += 1
    assert sent == {"all features": 16, "no event index": 16, "no offloads": 32, "short queues": 4}[kind]
    queue = user.device.queues[SEND]
    before = queue.interrupts
    user.device.fetch(SEND)
    user.device.finish(SEND, 1)
    assert queue.interrupts == before + 1, "a wake-up was lost"
    assert user.send(frame(60, 99))
    assert user.room() is None
    user.device.serve(SEND)
    assert len(user.device.sent) == sent + 1
    assert user.room() is not None


@everywhere
@kinds
def test_sending_makes_no_interrupts_while_there_is_room(run: Run, kind: str) -> None:
    user = User(run, **KINDS[kind])
    for number in range(100):
        assert user.send(frame(60, number))
    assert user.device.queues[SEND].interrupts <= 1


@everywhere
@kinds
def test_nor_any_after_the_ring_was_full_once(run: Run, kind: str) -> None:
    user = User(run, **KINDS[kind])
    user.device.eager = False
    while user.send(frame(60)):
        pass
    user.device.serve(SEND)
    user.device.eager = True
    assert user.send(frame(60))
    before = user.device.queues[SEND].interrupts
    for number in range(100):
        assert user.send(frame(60, number))
    assert user.device.queues[SEND].interrupts <= before + 1


@everywhere
def test_a_frame_stays_until_it_is_done_with_and_is_the_only_one(run: Run) -> None:
    user = User(run)
    user.device.receive(frame(60, 1))
    user.device.receive(frame(70, 2))
    assert user.take() == frame(60, 1)
    assert user.take() is None
    while user.device.receive(frame(80, 3)):
        pass
    assert user.held() == frame(60, 1)
    user.done()
    user.done()
    assert user.take() == frame(70, 2)


STEP = st.one_of(
    st.tuples(st.just("arrive"), st.integers(14, 200)),
    st.tuples(st.just("take"), st.integers(1, 5)),
    st.tuples(st.just("send"), st.integers(14, 200)),
    st.tuples(st.just("leave"), st.integers(0, 40)),
    st.tuples(st.just("tick"), st.integers(0, 500_000_000)),
)


def play(user: User, steps: list[tuple[str, Any]]) -> None:
    """Every frame arrives once, in order, and leaves once; after "no more" and "no room" an interrupt follows."""
    device = user.device
    device.eager = False
    coming: list[bytes] = []
    going: list[bytes] = []
    waiting: dict[int, int | None] = {RECEIVE: None, SEND: None}

    def woken(queue: int) -> None:
        before = waiting[queue]
        assert before is None or device.queues[queue].interrupts > before, "a wake-up was lost"
        waiting[queue] = None

    def take() -> bool:
        data = user.take()
        if data is None:
            waiting[RECEIVE] = device.queues[RECEIVE].interrupts
            return False
        waiting[RECEIVE] = None
        assert data == coming.pop(0)
        user.done()
        return True

    for number, (step, argument) in enumerate(steps):
        match step:
            case "arrive":
                data = frame(argument, number)
                if device.receive(data):
                    coming.append(data)
                    woken(RECEIVE)
            case "take":
                for _ in range(argument):
                    if not take():
                        break
            case "send":
                data = frame(argument, number)
                if user.send(data):
                    going.append(data)
                    waiting[SEND] = None
                else:
                    waiting[SEND] = device.queues[SEND].interrupts
            case "leave":
                device.fetch(SEND)
                if device.queues[SEND].waiting:
                    device.finish(SEND, argument % len(device.queues[SEND].waiting))
                    woken(SEND)
            case "tick":
                device.serve(SEND)
                assert user.tick(argument) == SECOND
                waiting[SEND] = None
    device.serve(SEND)
    while take():
        pass
    assert coming == []
    assert sorted(sent.data for sent in device.sent) == sorted(going)
    assert device.resets == 1


@kinds
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(STEP, max_size=60))
def test_any_traffic_arrives_and_leaves_once(kind: str, steps: list[tuple[str, Any]]) -> None:
    play(User(natively, **KINDS[kind]), steps)


@kinds
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(STEP, max_size=40))
def test_in_cpython_too(kind: str, steps: list[tuple[str, Any]]) -> None:
    play(User(in_cpython, **KINDS[kind]), steps)


@everywhere
def test_all_that_the_device_tells_of_is_one_interrupt(run: Run) -> None:
    user = User(run)
    address, word = message_address(u32(1)), message_data(u8(0x61))
    assert address is not None
    assert run(virtio_net_connect, u32(0), address, word)
    assert [queue.vector for queue in user.device.queues[:2]] == [0, 0]
    assert user.device.configuration_vector == 0
    expected = int(u32(address)).to_bytes(8, "little") + int(u32(word)).to_bytes(4, "little") + bytes(4)
    assert bytes(user.device.table[:16]) == expected
    user = User(run, vectors=0)
    assert not run(virtio_net_connect, u32(0), address, word)
    user.device.receive(frame(60))
    assert user.take_all() == [frame(60)]


@everywhere
def test_the_link_is_what_the_device_says(run: Run) -> None:
    user = User(run)
    user.device.set_link(False)
    assert user.tick() == SECOND and not user.port.link
    user.device.set_link(True)
    assert user.tick() == SECOND and bool(user.port.link)
    user = User(run, features=ALL & ~STATUS)
    user.device.set_link(False)
    assert user.tick() == SECOND and bool(user.port.link)
