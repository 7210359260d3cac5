"""The switch against a model, and what it promises as properties."""

from __future__ import annotations

import random
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.lang import u32, u64
from hypervisor.net.frame_ring import RING_BYTES, ring_drop, ring_peek
from hypervisor.net.learned import ADDRESSES, WAYS, first_place, key_of
from hypervisor.net.port import NETWORKS, PORTS, Drop
from hypervisor.net.port_life import port_close, port_listen, port_quiet, ports_close
from tests.net.execution import Run, everywhere
from tests.net.frames import ethernet, ipv4, mac, tcp
from tests.net.world import LIFETIME, SECOND, Model, Plug, World, header

BROADCAST, MULTICAST = b"\xff" * 6, bytes.fromhex("333300000001")
VLANS = (0, 10, 20, 30)
STRANGERS = [mac(0x100 + n) for n in range(6)]
NEEDS_CSUM = 1


def draw_plugs(source: random.Random) -> list[Plug]:
    plugs = []
    for number in range(source.randrange(2, 7)):
        plain = source.choice([0, 0, 10, 20, None])
        tags = tuple(vlan for vlan in (10, 20, 30) if vlan != plain and source.random() < 0.4)
        any_source = source.random() < 0.4
        plugs.append(Plug(source.randrange(2), plain, tags, mac(number + 1), any_source, mtu=source.choice([80, 1500])))
    return plugs


def draw_frame(source: random.Random, plugs: list[Plug], number: int) -> bytes:
    others = [plug.address for plug in plugs]
    to = source.choice([*others, *STRANGERS, BROADCAST, MULTICAST])
    sender = source.choice([plugs[number].address] * 6 + STRANGERS + others[:1] + [MULTICAST])
    tag = source.choice([None, None, 0, 10, 20, 30, 40, 0x6000 | 10, 0x3000])
    kind = source.choice([0x0800] * 6 + [0x8100, 0x88A8, 0x9100])
    return ethernet(to, sender, kind, source.randbytes(source.choice([0, 1, 46, 80, 81])), tag)[
        : source.choice([13, 14, 17, 500, 500, 500])
    ]


def test_the_keys_of_these_tests_have_room() -> None:
    keys = [
        key_of(u64(int.from_bytes(one)), u32(vlan)) for one in [*STRANGERS, *map(mac, range(1, 7))] for vlan in VLANS
    ]
    places = [int(first_place(key)) for key in keys]
    assert max(map(places.count, places)) <= WAYS


@everywhere
@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_frames_go_where_they_go_in_a_model(run: Run, seed: int) -> None:
    source = random.Random(seed)
    plugs = draw_plugs(source)
    world, model = World(run, plugs), Model(plugs)
    for _ in range(25):
        world.now += source.choice([1, SECOND, 100 * SECOND, LIFETIME])
        number = source.randrange(len(plugs))
        frame = draw_frame(source, plugs, number)
        cause, expected = model.send(number, frame, world.now)
        sent = world.send(number, frame)
        assert sent.cause == cause, frame.hex()
        assert {place: content for place, (_, content) in sent.received.items()} == expected, frame.hex()
        assert sent.woken == sum({1 << place // 3 for place in expected})


def vlan_at(plug: Plug, frame: bytes) -> int | None:
    """By what stands in the frame alone."""
    if frame[12:14] == b"\x81\x00" and struct.unpack(">H", frame[14:16])[0] & 0xFFF:
        return int(struct.unpack(">H", frame[14:16])[0] & 0xFFF)
    return plug.plain


@everywhere
@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_no_frame_crosses_networks_or_vlans_whatever_its_bytes(run: Run, seed: int) -> None:
    source = random.Random(seed)
    plugs = draw_plugs(source)
    world = World(run, plugs)
    words = [b"\x81\x00", b"\x00\x0a", b"\x00\x14", b"\x88\xa8", b"\x00\x00", b"\x08\x00", b"\x00\x1e"]
    for _ in range(25):
        number = source.randrange(len(plugs))
        tail = b"".join(source.choice(words) for _ in range(source.randrange(8)))
        frame = source.choice([BROADCAST, mac(1), mac(2), STRANGERS[0]]) + plugs[number].address + tail
        for place, (_, content) in world.send(number, frame).received.items():
            assert plugs[place].network == plugs[number].network and place != number
            its = vlan_at(plugs[place], content)
            assert its is not None and its == vlan_at(plugs[number], frame)
            assert its == plugs[place].plain or its in plugs[place].tags
            bare = content[:12] + content[16:] if content[12:14] == b"\x81\x00" else content
            assert bare[12:14] not in (b"\x81\x00", b"\x88\xa8", b"\x91\x00")


@everywhere
@settings(max_examples=30, deadline=None)
@given(st.binary(min_size=12, max_size=90), st.booleans())
def test_who_may_not_spoof_sends_from_its_own_address_alone(run: Run, frame: bytes, own: bool) -> None:
    world = World(run, [Plug(address=mac(1), tags=(10,)), Plug(address=mac(2), tags=(10,))])
    frame = frame[:6] + (mac(1) if own else frame[6:12]) + frame[12:]
    for _, content in world.send(0, frame).received.values():
        assert content[6:12] == mac(1)


@everywhere
def test_a_station_is_where_it_was_seen_last_until_it_is_forgotten(run: Run) -> None:
    plugs = [Plug(address=mac(n + 1), any_source=True) for n in range(3)]
    world = World(run, plugs)
    station = STRANGERS[0]
    to_it, from_it = ethernet(station, mac(3), 0x0800, b"x"), ethernet(BROADCAST, station, 0x0800, b"y")
    assert set(world.send(2, to_it).received) == {0, 1}
    world.send(0, from_it)
    assert set(world.send(2, to_it).received) == {0}
    world.now += 1
    world.send(1, from_it)
    assert set(world.send(2, to_it).received) == {1}
    world.now += 1
    world.send(0, from_it)
    assert set(world.send(2, to_it).received) == {0}
    world.now += LIFETIME
    assert set(world.send(2, to_it).received) == {0}
    world.now += 1
    assert set(world.send(2, to_it).received) == {0, 1}


@everywhere
def test_nobody_gets_what_is_for_a_configured_address_by_claiming_it(run: Run) -> None:
    world = World(run, [Plug(address=mac(1), any_source=True), Plug(address=mac(2)), Plug(address=mac(3))])
    world.send(0, ethernet(BROADCAST, mac(2), 0x0800, b""))
    assert set(world.send(2, ethernet(mac(2), mac(3), 0x0800, b"")).received) == {1}


@everywhere
def test_made_up_addresses_drive_out_only_their_own(run: Run) -> None:
    world = World(run, [Plug(address=mac(n + 1), any_source=True) for n in range(3)])
    world.send(1, ethernet(BROADCAST, STRANGERS[0], 0x0800, b""))
    for number in range(4 * ADDRESSES):
        world.now += 1
        world.send(0, ethernet(mac(1), mac(0x4000 + number), 0x0800, b""))
    assert set(world.send(2, ethernet(STRANGERS[0], mac(3), 0x0800, b"")).received) == {1}
    recent = 0x4000 + 4 * ADDRESSES - 1
    assert set(world.send(2, ethernet(mac(recent), mac(3), 0x0800, b"")).received) == {0}
    known = [
        n for n in range(4 * ADDRESSES) if set(world.send(2, ethernet(mac(0x4000 + n), mac(3), 0, b"")).received) == {0}
    ]
    assert len(known) <= ADDRESSES and len(known) > ADDRESSES // 2 and min(known) > ADDRESSES


@everywhere
@settings(max_examples=30, deadline=None)
@given(
    st.integers(1, 10**7),
    st.integers(1, 200),
    st.lists(st.tuples(st.integers(1, 200), st.integers(0, 10**9)), max_size=40),
)
def test_a_port_sends_no_more_than_its_rate(run: Run, rate: int, burst: int, acts: list[tuple[int, int]]) -> None:
    world = World(run, [Plug(address=mac(1), rate=rate, burst=burst), Plug(address=mac(2))])
    tokens, sent, begin = burst * SECOND, 0, world.now
    for size, wait in acts:
        world.now += wait
        tokens = min(burst * SECOND, tokens + wait * rate)
        size = max(size, 14)
        allowed = tokens // SECOND >= size
        cause = world.send(0, ethernet(mac(2), mac(1), 0x0800, bytes(size - 14))).cause
        assert (cause is None) == allowed
        if allowed:
            sent += size
            tokens -= size * SECOND
        else:
            assert cause == Drop.RATE
        assert sent <= burst + (world.now - begin) * rate // SECOND


@everywhere
def test_a_slow_rate_is_not_lost_in_rounding(run: Run) -> None:
    world = World(run, [Plug(address=mac(1), rate=1000, burst=20), Plug(address=mac(2))])
    frame = ethernet(mac(2), mac(1), 0x0800, bytes(6))
    assert world.send(0, frame).cause is None
    sent = 0
    for _ in range(2000):
        world.now += 100_000  # a tenth of a byte
        sent += world.send(0, frame).cause is None
    assert sent == 10


@everywhere
def test_a_receiver_that_takes_nothing_loses_frames_and_nobody_waits(run: Run) -> None:
    plugs = [Plug(address=mac(1)), Plug(address=mac(2)), Plug(1), Plug(address=mac(3))]
    world = World(run, plugs)  # VM 0 has three ports, VM 1 the last one
    frames = [ethernet(BROADCAST, mac(1), 0x0800, bytes([n & 0xFF]) * 1400) for n in range(400)]
    for number, frame in enumerate(frames):
        assert world.forward(0, frame) == (0b11 if number == 0 else 0b10)
        assert len(world.take(3)) == 1
    taken = world.take(1)
    kept, dropped = len(taken), int(PORTS[1].drops[Drop.FULL.value])
    assert kept + dropped == 400 and [content for _, content in taken] == frames[:kept]
    assert kept > RING_BYTES // 1500 - 5 and PORTS[0].drops[Drop.FULL.value] == 0
    world.send(0, frames[7])
    assert int(PORTS[0].sent) == 401 and int(PORTS[0].sent_bytes) == 401 * 1414


@everywhere
@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32))
def test_a_ring_gives_back_what_was_put_in_however_it_wraps(run: Run, seed: int) -> None:
    source = random.Random(seed)
    world = World(run, [Plug(address=mac(1), mtu=65000), Plug(address=mac(2))])
    waiting: list[bytes] = []
    for _ in range(60):
        frame = ethernet(mac(2), mac(1), 0x0800, source.randbytes(source.choice([1, 100, 1500, 30000, 64000])))
        before = int(PORTS[1].drops[Drop.FULL.value])
        world.forward(0, frame)
        if int(PORTS[1].drops[Drop.FULL.value]) == before:
            waiting.append(frame)
        else:
            skipped = 65000 + len(frame)  # at most, at the ring's end: now and before
            assert sum(len(each) + 64 for each in waiting) + len(frame) + 64 + skipped > RING_BYTES
        if source.random() < 0.15:
            assert [content for _, content in world.take(1)] == waiting
            waiting = []
    assert [content for _, content in world.take(1)] == waiting


@everywhere
def test_the_way_to_the_rings_beginning_takes_room_too(run: Run) -> None:
    world = World(run, [Plug(address=mac(1), mtu=65000), Plug(address=mac(2))])
    frames = [ethernet(mac(2), mac(1), 0x0800, bytes([n]) * 64000) for n in range(8)]
    for frame in frames:
        world.forward(0, frame)
    head = run(ring_peek, PORTS[1].ring)
    run(ring_drop, PORTS[1].ring, head)
    world.forward(0, ethernet(mac(2), mac(1), 0x0800, b"x" * 64100))
    assert int(PORTS[1].drops[Drop.FULL.value]) == 1
    world.forward(0, frames[0])
    assert int(PORTS[1].drops[Drop.FULL.value]) == 1
    assert [content for _, content in world.take(1)] == [*frames[1:], frames[0]]


@everywhere
def test_nothing_comes_to_who_does_not_listen_or_is_closed(run: Run) -> None:
    world = World(run, [Plug(address=mac(1)), Plug(address=mac(2)), Plug(address=mac(3)), Plug(address=mac(4))])
    frame = ethernet(mac(2), mac(1), 0x0800, b"x")
    world.forward(0, frame)
    run(port_quiet, PORTS[1])
    assert world.send(0, frame).received == {} and int(PORTS[1].drops[Drop.CLOSED.value]) == 1
    run(port_listen, PORTS[1])
    assert set(world.send(0, frame).received) == {1}
    run(port_close, u32(1))
    run(port_listen, PORTS[1])
    assert set(world.send(0, frame).received) == {2, 3} and int(PORTS[1].listening.load()) == 0
    run(ports_close, u32(0))
    assert int(NETWORKS[0].members.load()) == 0b1000


@everywhere
def test_a_reset_forgets_what_was_learned_at_the_port(run: Run) -> None:
    world = World(run, [Plug(address=mac(n + 1), any_source=True) for n in range(3)])
    world.send(0, ethernet(BROADCAST, STRANGERS[0], 0x0800, b""))
    frame = ethernet(STRANGERS[0], mac(3), 0x0800, b"")
    assert set(world.send(2, frame).received) == {0}
    run(port_quiet, PORTS[0])
    run(port_listen, PORTS[0])
    assert set(world.send(2, frame).received) == {0, 1}


SEGMENTS = ethernet(mac(2), mac(1), 0x0800, ipv4(tcp(bytes(4000))))
WHOLE = ethernet(mac(2), mac(1), 0x0800, ipv4(tcp(bytes(400))))
CSUM, HOST_TSO4, HOST_TSO6 = 1 << 0, 1 << 11, 1 << 12
HEADERS = {
    "nothing asked": (WHOLE, header(0, 0, 99, 98, 97, 96), 0, header()),
    "a checksum": (WHOLE, header(NEEDS_CSUM, 0, 54, 0, 34, 16), CSUM, header(NEEDS_CSUM, 0, 0, 0, 34, 16)),
    "flags of a receiver": (WHOLE, header(2, 0, 0, 0, 34, 16), CSUM, header()),
    "segments": (SEGMENTS, header(1, 1, 54, 1460, 34, 16), CSUM | HOST_TSO4, header(1, 1, 54, 1460, 34, 16)),
    "segments of 6": (SEGMENTS, header(1, 4, 54, 48, 34, 16), CSUM | HOST_TSO6, header(1, 4, 54, 48, 34, 16)),
}
MALFORMED = {
    "a checksum that was not agreed on": (WHOLE, header(1, 0, 0, 0, 34, 16), 0),
    "a checksum behind the end": (WHOLE, header(1, 0, 0, 0, 34, len(WHOLE) - 35), CSUM),
    "a checksum in the header": (WHOLE, header(1, 0, 0, 0, 13, 16), CSUM),
    "a checksum far away": (WHOLE, header(1, 0, 0, 0, 65535, 65535), CSUM),
    "segments that were not agreed on": (SEGMENTS, header(1, 1, 54, 1460, 34, 16), CSUM | HOST_TSO6),
    "segments of 6 that were not agreed on": (SEGMENTS, header(1, 4, 54, 1460, 34, 16), CSUM | HOST_TSO4),
    "segments without a checksum": (SEGMENTS, header(0, 1, 54, 1460, 34, 16), CSUM | HOST_TSO4),
    "segments of nothing": (SEGMENTS, header(1, 1, 54, 0, 34, 16), CSUM | HOST_TSO4),
    "tiny segments": (SEGMENTS, header(1, 1, 54, 47, 34, 16), CSUM | HOST_TSO4),
    "headers beyond the end": (SEGMENTS, header(1, 1, 9999, 1460, 34, 16), CSUM | HOST_TSO4),
    "fragments of UDP": (SEGMENTS, header(1, 3, 54, 1460, 34, 16), CSUM | HOST_TSO4),
    "congestion bits": (SEGMENTS, header(1, 0x81, 54, 1460, 34, 16), CSUM | HOST_TSO4),
    "a checksum far behind": (SEGMENTS.ljust(65549, b"."), header(1, 1, 54, 1460, 65532, 2), CSUM | HOST_TSO4),
    "a long frame": (SEGMENTS, header(), CSUM),
    "longer than a packet": (SEGMENTS.ljust(65535 + 15, b"."), header(1, 1, 54, 1460, 34, 16), CSUM | HOST_TSO4),
}


@everywhere
@pytest.mark.parametrize("name", HEADERS)
def test_what_is_left_to_do_is_passed_on(run: Run, name: str) -> None:
    frame, asked, features, passed = HEADERS[name]
    world = World(run, [Plug(address=mac(1)), Plug(address=mac(2))])
    assert world.send(0, frame, asked, features).received == {1: (passed, frame)}


@everywhere
@pytest.mark.parametrize("name", MALFORMED)
def test_what_cannot_be_is_not_passed_on(run: Run, name: str) -> None:
    frame, asked, features = MALFORMED[name]
    world = World(run, [Plug(address=mac(1)), Plug(address=mac(2))])
    sent = world.send(0, frame, asked, features)
    assert sent.cause == Drop.MALFORMED and sent.received == {}
    assert int(PORTS[0].sent) == 0


@everywhere
def test_places_move_with_a_tag(run: Run) -> None:
    plugs = [Plug(plain=None, tags=(10,), address=mac(1)), Plug(plain=10, address=mac(2))]
    world = World(run, plugs)
    tagged = ethernet(mac(2), mac(1), 0x0800, ipv4(tcp(bytes(4000))), 10)
    asked, plain = header(1, 1, 58, 1460, 38, 16), header(1, 1, 54, 1460, 34, 16)
    ((its, content),) = world.send(0, tagged, asked).received.values()
    assert its == plain and content == SEGMENTS
    back = ethernet(mac(1), mac(2), 0x0800, SEGMENTS[14:])
    ((its, content),) = world.send(1, back, plain).received.values()
    assert its == asked and content == ethernet(mac(1), mac(2), 0x0800, SEGMENTS[14:], 10)
