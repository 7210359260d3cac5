"""The network device, met by a driver that knows the specification alone."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hypervisor.net.port import PORTS, Drop
from tests.devices.execution import Run, everywhere
from tests.devices.net_driver import (
    BUFFERS,
    CSUM,
    CTRL_RX,
    CTRL_VQ,
    GUEST_CSUM,
    GUEST_TSO4,
    GUEST_TSO6,
    HEADER,
    HOST_TSO4,
    HOST_TSO6,
    MAC,
    MQ,
    MRG_RXBUF,
    MTU,
    OWN,
    PEER,
    SENDING,
    SIZE,
    STATUS,
    NetDriver,
)
from tests.devices.virtio_driver import (
    BOARD,
    COMMON,
    DEVICE,
    EVENT_INDEX,
    INDIRECT,
    ISR,
    MEMORY_SPACE,
    RAM,
    VERSION_1,
    Broken,
)
from tests.net.frames import ethernet, ipv4, ipv6, ones_sum, pseudo, segment_sound, tcp

NEEDS_RESET = 0x40
NEEDS_CSUM = 1
PLAIN, MERGING = VERSION_1, VERSION_1 | MRG_RXBUF
BROADCAST, MULTICAST = b"\xff" * 6, bytes.fromhex("333300000001")


def started(run: Run, features: int, queues: int = 5, **more: Any) -> NetDriver:
    driver = NetDriver(run, features=features | VERSION_1, **more)
    driver.start(queues)
    return driver


def header(flags: int = 0, kind: int = 0, length: int = 0, size: int = 0, start: int = 0, offset: int = 0) -> bytes:
    return struct.pack(HEADER, flags, kind, length, size, start, offset, 0)


def to_own(data: bytes) -> bytes:
    return ethernet(OWN, PEER, 0x88B5, data)


def to_peer(data: bytes) -> bytes:
    return ethernet(PEER, OWN, 0x88B5, data)


def drops(cause: Drop, port: int = 0) -> int:
    return int(PORTS[port].drops[cause.value])


@everywhere
def test_a_driver_finds_what_it_can_have(run: Run) -> None:
    driver = NetDriver(run, mtu=4000)
    assert driver.config(0) == 0x1041_1AF4 and driver.config(8) >> 8 == 0x020000
    offered = 0
    for half in (0, 1):
        driver.write(COMMON, 0, 4, half)
        offered |= driver.read(COMMON, 4, 4) << 32 * half
    offloads = CSUM | GUEST_CSUM | GUEST_TSO4 | GUEST_TSO6 | HOST_TSO4 | HOST_TSO6
    others = MTU | MAC | MRG_RXBUF | STATUS | CTRL_VQ | CTRL_RX | MQ
    assert offered == offloads | others | INDIRECT | EVENT_INDEX | VERSION_1
    assert driver.read(COMMON, 18, 2) == 5
    assert bytes(driver.read(DEVICE, place, 1) for place in range(6)) == OWN
    assert [driver.read(DEVICE, place, 2) for place in (6, 8, 10)] == [1, 2, 4000]
    assert driver.read(DEVICE, 12, 4) == 0


@everywhere
@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([PLAIN, VERSION_1 | INDIRECT, VERSION_1 | INDIRECT | EVENT_INDEX]))
def test_what_is_sent_in_any_pieces_comes_whole(run: Run, seed: int, features: int) -> None:
    source = random.Random(seed)
    driver = started(run, features)
    for _ in range(10):
        frame = to_peer(source.randbytes(source.choice([0, 1, 46, 1500])))
        cuts = tuple(source.randrange(len(frame) + 12) for _ in range(source.randrange(6)))
        driver.transmit(frame, cuts=cuts, indirect=bool(features & INDIRECT) and source.random() < 0.5)
        assert driver.peer_gets() == [(bytes(10), frame)]
    assert driver.get(BUFFERS, 8) == bytes(8)


@everywhere
@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.booleans())
def test_what_comes_fills_buffers_of_any_size_in_order(run: Run, seed: int, events: bool) -> None:
    source = random.Random(seed)
    driver = started(run, MERGING | (EVENT_INDEX if events else 0))
    sent: list[bytes] = []
    got: list[bytes] = []
    for _ in range(12):
        for _ in range(source.randrange(4)):
            frame = to_own(source.randbytes(source.choice([0, 1, 100, 1500])))
            driver.peer_sends(frame)
            sent.append(frame)
        if source.random() < 0.8:
            driver.give(*(source.choice([12, 13, 26, 60, 300, 1526]) for _ in range(source.randrange(1, 8))))
        driver.serve()
        got += [frame for _, frame in driver.received()]
        assert got == sent[: len(got)]
    assert int(PORTS[0].received) == len(got) and int(PORTS[0].received_bytes) == sum(map(len, got))
    driver.give(*[1526] * 40)
    driver.serve()
    got += [frame for _, frame in driver.received()]
    assert got == sent


@everywhere
def test_a_frame_of_several_buffers_is_seen_only_when_it_is_whole(run: Run) -> None:
    driver = started(run, MERGING)
    frame = to_own(bytes(range(200)))
    driver.peer_sends(frame)
    driver.give(100, 50)
    driver.serve()
    assert driver.done(0) == [] and driver.read(ISR, 0, 1) == 0
    driver.give(76)
    driver.serve()
    assert driver.received() == [(bytes(10), frame)] and driver.read(ISR, 0, 1) == 1


@everywhere
def test_without_merging_a_frame_that_does_not_fit_is_lost_and_the_next_one_comes(run: Run) -> None:
    driver = started(run, PLAIN)
    long, short = to_own(bytes(1500)), to_own(bytes(range(100)))
    driver.peer_sends(long)
    driver.peer_sends(short)
    driver.give(1525, 1526)
    driver.serve()
    assert driver.received() == [(bytes(10), short)]
    assert drops(Drop.TOO_LONG) == 1
    driver.peer_sends(long)
    driver.serve()
    assert driver.received() == [(bytes(10), long)]


@everywhere
def test_a_frame_for_which_no_queue_has_buffers_enough_is_lost(run: Run) -> None:
    driver = started(run, MERGING)
    driver.peer_sends(to_own(bytes(5000)))
    driver.peer_sends(to_own(b"short"))
    driver.give(*[20] * 66)
    driver.serve()
    assert driver.received() == [(bytes(10), to_own(b"short"))] and drops(Drop.TOO_LONG) == 1


def tcp_frame(size: int, six: bool) -> tuple[bytes, int]:
    """With the pseudo header's sum where the checksum belongs; where its TCP header begins."""
    ip = ipv6(tcp(bytes(size))) if six else ipv4(tcp(bytes(size)))
    head = 40 if six else 20
    partial = ones_sum(pseudo(ip, len(ip) - head))
    content = tcp(bytes(n * 3 & 0xFF for n in range(size)), checksum=partial)
    whole = ipv6(content) if six else ipv4(content)
    return ethernet(OWN, PEER, 0x86DD if six else 0x0800, whole), 14 + head


@everywhere
@pytest.mark.parametrize("six", [False, True])
def test_a_checksum_is_completed_for_who_does_not_do_it(run: Run, six: bool) -> None:
    frame, start = tcp_frame(333, six)
    asked = header(NEEDS_CSUM, 0, 0, 0, start, 16)
    driver = started(run, PLAIN | GUEST_CSUM)
    driver.peer_sends(frame, asked)
    driver.give(1526)
    driver.serve()
    assert driver.received() == [(asked[:10], frame)] and not segment_sound(frame)
    driver = started(run, PLAIN)
    driver.peer_sends(frame, asked)
    driver.give(1526)
    driver.serve()
    ((its, content),) = driver.received()
    assert its == bytes(10) and segment_sound(content) and len(content) == len(frame)


@everywhere
@pytest.mark.parametrize(("six", "whole", "other"), [(False, GUEST_TSO4, GUEST_TSO6), (True, GUEST_TSO6, GUEST_TSO4)])
def test_data_is_cut_for_who_does_not_take_it_whole(run: Run, six: bool, whole: int, other: int) -> None:
    frame, start = tcp_frame(30000, six)
    asked = header(NEEDS_CSUM, 4 if six else 1, start + 20, 1440, start, 16)
    driver = started(run, MERGING | GUEST_CSUM | whole)
    driver.peer_sends(frame, asked)
    driver.give(*[1526] * 30)
    driver.serve()
    assert driver.received() == [(asked[:10], frame)]
    driver = started(run, PLAIN | GUEST_CSUM | other)
    driver.peer_sends(frame, asked)
    driver.peer_sends(to_own(b"next"))
    driver.give(*[1526] * 10)
    driver.serve()
    driver.give(*[1526] * 12)
    driver.serve()
    got = driver.received()
    assert len(got) == 30000 // 1440 + 2 and got[-1] == (bytes(10), to_own(b"next"))
    assert all(its == bytes(10) and segment_sound(piece) for its, piece in got[:-1])
    assert b"".join(piece[start + 20 :] for _, piece in got[:-1]) == frame[start + 20 :]
    assert int(PORTS[0].received) == len(got)


@everywhere
def test_what_cannot_be_cut_is_lost_and_the_next_one_comes(run: Run) -> None:
    frame = ethernet(OWN, PEER, 0x0800, ipv4(tcp(bytes(3000)), protocol=17))
    driver = started(run, PLAIN)
    driver.peer_sends(frame, header(NEEDS_CSUM, 1, 54, 1440, 34, 16))
    driver.peer_sends(to_own(b"next"))
    driver.give(1526, 1526)
    driver.serve()
    assert driver.received() == [(bytes(10), to_own(b"next"))] and drops(Drop.UNCUT) == 1


@everywhere
def test_data_that_is_sent_uncut_reaches_the_peer_so(run: Run) -> None:
    frame = ethernet(PEER, OWN, 0x0800, ipv4(tcp(bytes(60000))))
    asked = header(NEEDS_CSUM, 1, 54, 1460, 34, 16)
    driver = started(run, VERSION_1 | CSUM | HOST_TSO4)
    driver.transmit(frame, asked)
    assert driver.peer_gets() == [(asked[:10], frame)]
    driver = started(run, VERSION_1 | CSUM)
    driver.transmit(frame, asked)
    assert driver.peer_gets() == [] and drops(Drop.MALFORMED) == 1


@everywhere
def test_frames_that_cannot_be_are_dropped_and_the_device_goes_on(run: Run) -> None:
    driver = started(run, PLAIN)
    for frame in (b"", bytes(13), to_peer(bytes(20000)), bytes(0x12000 - 12)):
        driver.transmit(frame)
    driver.transmit(ethernet(PEER, b"\x02\0\0\0\0\x09", 0x88B5, b""))
    assert driver.peer_gets() == [] and drops(Drop.MALFORMED) == 4 and drops(Drop.SPOOFED) == 1
    driver.transmit(to_peer(b"good"))
    assert [frame for _, frame in driver.peer_gets()] == [to_peer(b"good")]


def takes(driver: NetDriver, *addresses: bytes) -> list[bool]:
    """Whether frames to these come."""
    found = []
    for to in addresses:
        driver.place = BUFFERS
        if len(driver.rings[0].chains) == 0:
            driver.give(1526)
        driver.peer_sends(ethernet(to, PEER, 0x88B5, b""))
        driver.serve()
        found.append(bool(driver.received()))
    return found


OTHER, STRANGE = b"\x02\0\0\0\0\x77", b"\x02\0\0\0\0\x78"


def table(*addresses: bytes) -> bytes:
    return struct.pack("<I", len(addresses)) + b"".join(addresses)


@everywhere
def test_the_driver_says_what_it_wants(run: Run) -> None:
    driver = started(run, CTRL_VQ | CTRL_RX | MQ)
    everything = (OWN, BROADCAST, MULTICAST, OTHER)
    assert takes(driver, *everything) == [True] * 4
    assert driver.command(0, 0, b"\0") == 0
    assert takes(driver, *everything) == [True, True, False, False]
    assert drops(Drop.UNWANTED) == 2
    assert driver.command(0, 1, b"\1") == 0
    assert takes(driver, *everything) == [True, True, True, False]
    assert driver.command(0, 1, b"\0") == 0
    assert driver.command(1, 0, table(OTHER) + table(MULTICAST)) == 0
    assert takes(driver, *everything, STRANGE) == [True, True, True, True, False]
    assert driver.command(1, 0, table() + table()) == 0
    assert takes(driver, *everything) == [True, True, False, False]
    many = [bytes([2, 0, 0, 0, 1, n]) for n in range(17)]
    assert driver.command(1, 0, table(*many) + table()) == 0
    assert takes(driver, OTHER, MULTICAST) == [True, False]
    assert driver.command(1, 0, table() + table(*(b"\x33" + one[1:] for one in many))) == 0
    assert takes(driver, OTHER, MULTICAST) == [False, True]
    driver.start()
    assert takes(driver, *everything) == [True] * 4


@everywhere
def test_commands_that_cannot_be_are_refused(run: Run) -> None:
    driver = started(run, CTRL_VQ | CTRL_RX | MQ)
    bad = [(0, 2, b"\1"), (0, 0, b""), (1, 1, OWN), (1, 0, table(OWN)), (1, 0, b"\xff\xff\xff\xff"), (4, 0, b"\0\0")]
    bad += [(4, 0, b"\3\0"), (4, 1, b"\1\0"), (4, 0, b"\1"), (2, 0, b"\1\0"), (77, 0, b"")]
    assert [driver.command(*each) for each in bad] == [1] * len(bad)
    assert driver.command(4, 0, b"\2\0") == 0
    driver = started(run, CTRL_VQ)
    assert driver.command(0, 0, b"\0", queue=2) == 1 and driver.command(4, 0, b"\1\0", queue=2) == 1


@everywhere
def test_without_several_pairs_the_control_queue_is_the_third(run: Run) -> None:
    driver = started(run, CTRL_VQ | CTRL_RX, queues=3)
    assert driver.command(0, 0, b"\0", queue=2) == 0
    assert takes(driver, OTHER, OWN) == [False, True]


@everywhere
def test_answers_come_to_the_pair_that_asked(run: Run) -> None:
    driver = started(run, CTRL_VQ | CTRL_RX | MQ)
    ask = ethernet(PEER, OWN, 0x0800, ipv4(tcp(b"?")))
    turned = ask[26 + 8 : 26 + 12]
    answer = ethernet(OWN, PEER, 0x0800, ask[14:26] + ask[30:34] + ask[26:30] + turned[2:] + turned[:2] + ask[38:])
    driver.transmit(ask, queue=3)
    for queue in (0, 2):
        driver.give(*[1526] * 4, queue=queue)
    driver.peer_sends(answer)
    driver.serve()
    assert len(driver.received(0)) == 1, "only one pair is in use yet"
    assert driver.command(4, 0, b"\2\0") == 0
    driver.place = BUFFERS + 0x10000
    driver.peer_sends(answer)
    driver.serve()
    assert [frame for _, frame in driver.received(2)] == [answer] and driver.received(0) == []
    driver.transmit(ask, queue=1)
    driver.peer_sends(answer)
    driver.serve()
    assert len(driver.received(0)) == 1 and driver.received(2) == []


def bad_buffer(address: int, size: int, writable: int = 1) -> Callable[[NetDriver], None]:
    def act(driver: NetDriver) -> None:
        driver.chain(driver.rings[0], [(address, size)], writable)
        driver.peer_sends(to_own(bytes(100)))
        driver.kick(0)

    return act


def bad_frame(*parts: tuple[int, int], writable: int = 0) -> Callable[[NetDriver], None]:
    def act(driver: NetDriver) -> None:
        driver.chain(driver.rings[1], list(parts), writable)
        driver.kick(1)

    return act


def loop(queue: int) -> Callable[[NetDriver], None]:
    def act(driver: NetDriver) -> None:
        ring = driver.rings[queue]
        driver.chain(ring, [(BUFFERS, 100), (BUFFERS, 100)], 2 if queue == 0 else 0)
        driver.describe(ring.descriptors, 1, BUFFERS, 100, 3 if queue == 0 else 1, 0)
        driver.peer_sends(to_own(bytes(100)))
        driver.kick(queue)

    return act


def jump(queue: int) -> Callable[[NetDriver], None]:
    def act(driver: NetDriver) -> None:
        driver.put(driver.rings[queue].available_ring + 2, b"\xff\x7f")
        driver.peer_sends(to_own(b""))
        driver.kick(queue)

    return act


def used_outside(driver: NetDriver) -> None:
    driver.write(COMMON, 20, 1, 0)
    driver.start()
    BOARD.virtio.devices[0].queues[0].used = type(BOARD.virtio.devices[0].queues[0].used)(RAM)
    bad_buffer(BUFFERS, 2000)(driver)


BAD = {
    "buffer outside of RAM": bad_buffer(RAM, 2000),
    "buffer that ends outside": bad_buffer(RAM - 50, 2000),
    "buffer that wraps": bad_buffer(2**64 - 8, 2000),
    "buffer to be read": bad_buffer(BUFFERS, 2000, 0),
    "buffer without room for a header": bad_buffer(BUFFERS, 11),
    "empty buffer": bad_buffer(BUFFERS, 0),
    "loop of buffers": loop(0),
    "index that jumps": jump(0),
    "frame without a header": bad_frame((SENDING, 11)),
    "frame of nothing": bad_frame((SENDING, 0)),
    "frame to be written": bad_frame((SENDING, 100), writable=1),
    "frame outside of RAM": bad_frame((SENDING, 12), (RAM, 100)),
    "frame that wraps": bad_frame((SENDING, 12), (2**64 - 20, 100)),
    "header outside of RAM": bad_frame((RAM, 12), (SENDING, 100)),
    "loop of a frame": loop(1),
    "index of frames that jumps": jump(1),
    "used ring outside of RAM": used_outside,
}


@everywhere
@pytest.mark.parametrize("name", BAD)
def test_a_broken_queue_stops_this_device_until_it_is_reset(run: Run, name: str) -> None:
    driver = started(run, MERGING)
    BAD[name](driver)
    with pytest.raises(Broken):
        driver.serve()
    assert driver.read(COMMON, 20, 1) & NEEDS_RESET and driver.read(ISR, 0, 1) == 2
    assert driver.done(0) == [] and driver.done(1) == []
    before = drops(Drop.CLOSED)
    driver.peer_sends(to_own(b"lost"))
    assert drops(Drop.CLOSED) == before + 1
    driver.kick(1)
    assert driver.serve() <= 1
    driver.start()
    driver.give(1526)
    driver.peer_sends(to_own(b"again"))
    driver.transmit(to_peer(b"and back"))
    assert [frame for _, frame in driver.received()] == [to_own(b"again")]
    assert driver.peer_gets()[-1] == (bytes(10), to_peer(b"and back"))


@everywhere
def test_a_bad_command_breaks_the_device(run: Run) -> None:
    for parts, writable in (([(SENDING, 2)], 0), ([(SENDING, 1), (SENDING, 1)], 1), ([(RAM, 2), (SENDING, 1)], 1)):
        driver = started(run, CTRL_VQ | CTRL_RX | MQ)
        driver.chain(driver.rings[4], parts, writable)
        driver.kick(4)
        with pytest.raises(Broken):
            driver.serve()


@everywhere
def test_a_reset_under_load_drops_what_waits(run: Run) -> None:
    driver = started(run, MERGING)
    for number in range(20):
        driver.peer_sends(to_own(bytes([number]) * 900))
    driver.give(*[600] * 3)
    driver.serve()
    assert len(driver.received()) == 1
    driver.write(COMMON, 20, 1, 0)
    driver.peer_sends(to_own(b"closed"))
    assert drops(Drop.CLOSED) == 1
    driver.start()
    driver.give(*[1526] * 8)
    driver.serve()
    assert driver.received() == []
    driver.peer_sends(to_own(b"open"))
    driver.serve()
    assert [frame for _, frame in driver.received()] == [to_own(b"open")]


@everywhere
def test_work_is_done_in_bursts(run: Run) -> None:
    driver = started(run, MERGING)
    for _ in range(100):
        driver.peer_sends(to_own(bytes(1500)))
    driver.give(*[1526] * 100)
    assert driver.serve(most=1) == 1
    first = len(driver.received())
    assert 20 < first < 64
    driver.serve()
    assert first + len(driver.received()) == 100
    for _ in range(100):
        driver.chain(driver.rings[1], driver.lay_out_frame(to_peer(bytes(1500)), cuts=()), 0)
    driver.kick(1)
    assert driver.serve(most=1) == 1
    assert 10 < len(driver.done(1)) < 64 and driver.serve() > 0
    assert len(driver.peer_gets()) == 100


@everywhere
def test_frames_that_nobody_wants_cost_the_receiver_nothing(run: Run) -> None:
    driver = started(run, CTRL_VQ | CTRL_RX | MQ)
    assert driver.command(0, 0, b"\0") == 0
    for _ in range(500):
        driver.peer_sends(ethernet(OTHER, PEER, 0x88B5, bytes(1000)))
    assert driver.serve() == 0 and drops(Drop.UNWANTED) == 500
    driver.give(1526)
    driver.peer_sends(to_own(b"wanted"))
    driver.serve()
    assert [frame for _, frame in driver.received()] == [to_own(b"wanted")]


@everywhere
def test_event_indexes_count_whole_frames(run: Run) -> None:
    driver = started(run, MERGING | EVENT_INDEX)
    driver.put(driver.rings[0].available_ring + 4 + 2 * SIZE, struct.pack("<H", 2))
    driver.give(*[100] * 8)
    driver.peer_sends(to_own(bytes(120)))
    driver.serve()
    assert len(driver.received()) == 1 and driver.read(ISR, 0, 1) == 0
    driver.peer_sends(to_own(bytes(120)))
    driver.serve()
    assert len(driver.received()) == 1 and driver.read(ISR, 0, 1) == 1


@everywhere
def test_a_driver_is_asked_to_tell_of_buffers_only_when_they_are_missed(run: Run) -> None:
    driver = started(run, MERGING | EVENT_INDEX)

    def event() -> int:
        return int(struct.unpack("<H", driver.get(driver.rings[0].used_ring + 4 + 8 * SIZE, 2))[0])

    driver.give(*[1526] * 4)
    driver.peer_sends(to_own(b"a"))
    driver.serve()
    assert event() == 0
    for _ in range(4):
        driver.peer_sends(to_own(b"b"))
    driver.serve()
    assert event() == 4 and len(driver.received()) == 4


@everywhere
def test_who_is_no_bus_master_gets_nothing(run: Run) -> None:
    driver = started(run, MERGING)
    driver.give(1526)
    driver.set_config(4, 2, MEMORY_SPACE)
    driver.peer_sends(to_own(b"x"))
    assert driver.serve() <= 1 and driver.received() == []
