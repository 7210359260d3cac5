from __future__ import annotations

import pytest

from drivers.net.e1000.room import LONGEST, ROOM_BYTES, SEND_BYTES
from tests.net.e1000.execution import Driver, Run, both_cards, everywhere, start
from tests.net.e1000.packets import ip_is_right, packet, take_apart, transport_is_right

RING = 256


def frame(number: int, length: int = 60) -> bytes:
    return b"\xff" * 6 + number.to_bytes(6, "big") + bytes((number + i) & 0xFF for i in range(length - 12))


@everywhere
@both_cards
def test_frames_of_every_length_go_out_whole(run: Run, device: int) -> None:
    driver = start(run, device)
    sent = [frame(i, length) for i, length in enumerate((60, 61, 512, 1513, 1514, 1518))]
    for each in sent:
        assert driver.send(each)
    assert driver.card.sender.wire == sent
    assert (driver.count("sent"), driver.count("sent_bytes")) == (len(sent), sum(map(len, sent)))


@everywhere
def test_a_short_frame_is_padded_with_zeros_and_nothing_older(run: Run) -> None:
    driver = start(run)
    for _ in range(400):
        assert driver.send(b"\xaa" * 1518)
    for length in (14, 15, 59):
        assert driver.send(frame(1, length))
        assert driver.card.sender.wire[-1] == frame(1, length) + bytes(60 - length)


@everywhere
@both_cards
def test_the_ring_and_the_memory_go_round(run: Run, device: int) -> None:
    driver = start(run, device)
    lengths = [60, 1518, 900] * RING
    for number, length in enumerate(lengths):
        assert driver.send(frame(number, length))
    assert driver.card.sender.wire == [frame(number, length) for number, length in enumerate(lengths)]
    driver.tick()
    assert int(driver.state.sent) == len(lengths)


@everywhere
@pytest.mark.parametrize("length", [60, 1518])
def test_a_full_queue_has_no_room_until_the_card_is_done(run: Run, length: int) -> None:
    driver = start(run)
    sender = driver.card.sender
    sender.lazy = True
    sent = 0
    while driver.send(frame(sent, length)):
        sent += 1
    assert 230 <= sent < RING
    assert driver.room() is None
    for _ in range(2000):
        sender.work(1)
        if driver.send(frame(sent, length)):
            sent += 1
    sender.work(RING)
    assert sender.wire == [frame(number, length) for number in range(sent)]
    assert sent > 1500


@everywhere
def test_room_is_the_same_until_something_is_sent(run: Run) -> None:
    driver = start(run)
    place = driver.room()
    assert place is not None and driver.room() == place
    assert driver.send(frame(1))
    assert driver.room() != place


@everywhere
@both_cards
@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("protocol", [6, 17])
@pytest.mark.parametrize("tagged", [False, True])
@pytest.mark.parametrize("length", [1, 300, 1400])
def test_the_card_computes_checksums(
    run: Run, device: int, version: int, protocol: int, tagged: bool, length: int
) -> None:
    driver = start(run, device)
    half, at, offset = packet(version, protocol, b"\x5a" * length, tagged, whole=False)
    whole, _, _ = packet(version, protocol, b"\x5a" * length, tagged)
    for _ in range(3):
        assert driver.send(half, (at, offset))
    assert driver.send(frame(1))
    assert driver.send(half, (at, offset))
    padded = whole + bytes(max(0, 60 - len(whole)))
    assert driver.card.sender.wire == [padded] * 3 + [frame(1), padded]
    assert driver.card.sender.contexts == 1


@everywhere
def test_another_kind_of_frame_needs_another_context(run: Run) -> None:
    driver = start(run)
    kinds = [(4, 6), (6, 6), (4, 17), (4, 6), (4, 6)]
    for version, protocol in kinds:
        half, at, offset = packet(version, protocol, bytes(100), whole=False)
        assert driver.send(half, (at, offset))
    assert driver.card.sender.wire == [packet(version, protocol, bytes(100))[0] for version, protocol in kinds]
    assert driver.card.sender.contexts == 4


@everywhere
@pytest.mark.parametrize(("at", "offset"), [(300, 6), (250, 16), (255, 0), (0, 256), (1516, 0), (1400, 116), (14, 0)])
@pytest.mark.parametrize("ones", [False, True])
def test_a_checksum_where_the_card_does_not_reach_is_right_too(run: Run, at: int, offset: int, ones: bool) -> None:
    driver = start(run)
    data = bytearray(frame(9, 1518))
    if ones:
        data[at:] = b"\xff\xff" + bytes(1516 - at)
    assert driver.send(bytes(data), (at, offset))
    (out,) = driver.card.sender.wire
    place = at + offset
    assert out[:place] == data[:place] and out[place + 2 :] == data[place + 2 :]
    total = sum(int.from_bytes((bytes(data[at:]) + b"\0")[i : i + 2], "big") for i in range(0, 1518 - at, 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    assert out[place : place + 2] == ((total ^ 0xFFFF) or 0xFFFF).to_bytes(2, "big")


def check_segments(driver: Driver, data: bytes, at: int, mss: int, payload: bytes) -> None:
    """All on the wire are right by themselves, and their data are the payload."""
    got = b""
    header = len(data) - len(payload)
    for number, each in enumerate(driver.card.sender.wire):
        parts = take_apart(each)
        assert parts is not None and parts.end == len(each)
        assert ip_is_right(each, parts) and transport_is_right(each, parts)
        assert int.from_bytes(each[at + 4 : at + 8], "big") == 0xFFFF_FF00 + len(got) & 0xFFFF_FFFF
        last = len(got) + mss >= len(payload)
        assert each[at + 13] & 0x09 == (0x09 if last else 0)
        assert each[: parts.ip] == data[: parts.ip] and each[at + 20 : header] == data[at + 20 : header]
        if parts.version == 4:
            assert int.from_bytes(each[parts.ip + 4 : parts.ip + 6], "big") == 77 + number
        assert len(each) == header + (len(payload) - len(got) if last else mss)
        got += each[header:]
    assert got == payload


@everywhere
@both_cards
@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("tagged", [False, True])
@pytest.mark.parametrize(("length", "mss"), [(1, 1460), (1440, 1440), (3000, 1000), (4097, 1200), (20000, 1428)])
def test_the_card_cuts_data_into_segments(
    run: Run, device: int, version: int, tagged: bool, length: int, mss: int
) -> None:
    driver = start(run, device)
    payload = bytes(i * 7 & 0xFF for i in range(length))
    options = 0 if mss > 1440 or version == 6 else 3
    mss = min(mss, 1428) if version == 6 else mss
    data, at, offset = packet(version, 6, payload, tagged, options, whole=False)
    assert driver.send(data, (at, offset), 1 if version == 4 else 4, mss)
    check_segments(driver, data, at, mss, payload)
    driver.card.sender.wire.clear()
    half, at, offset = packet(4, 17, bytes(200), whole=False)
    assert driver.send(half, (at, offset)) and driver.send(frame(4))
    assert driver.card.sender.wire == [packet(4, 17, bytes(200))[0], frame(4)]


@everywhere
def test_the_largest_frame_is_cut_too_and_the_memory_goes_round(run: Run) -> None:
    driver = start(run)
    payload = bytes(i * 11 & 0xFF for i in range(65535 - 40))
    data, at, offset = packet(4, 6, payload, tagged=True, whole=False)
    assert len(data) == LONGEST
    for _ in range(3 if run.__name__ == "in_cpython" else 20):
        driver.card.sender.wire.clear()
        assert driver.send(data, (at, offset), 1, 1460)
        check_segments(driver, data, at, 1460, payload)
        assert driver.send(frame(1))


@everywhere
def test_the_last_bytes_of_segments_and_of_the_next_frame_have_a_descriptor_to_themselves(run: Run) -> None:
    driver = start(run)
    driver.card.sender.lazy = True
    data, at, offset = packet(4, 6, bytes(3000), whole=False)
    assert driver.send(data, (at, offset), 1, 1460)
    assert driver.send(frame(1)) and driver.send(frame(2))
    ring = driver.card.dma_read(int(driver.state.send_ring), 16 * 8)
    lengths = [int.from_bytes(ring[i + 8 : i + 10], "little") for i in range(16, 16 * 6, 16)]
    assert lengths == [len(data) - 4, 4, 56, 4, 60]


BAD_SEGMENTS = {
    "not the frame's version": {"segment": 4},
    "no such kind": {"segment": 3},
    "too small": {"mss": 47},
    "too large for a frame": {"mss": 1461},
    "TCP elsewhere": {"at": 35},
    "TCP behind the end": {"at": 0xFFFF},
    "not IPv4": {"poke": (14, 0x65)},
    "IPv4's header is longer": {"poke": (14, 0x46)},
    "IPv4's header is shorter": {"poke": (14, 0x44)},
    "UDP": {"poke": (23, 17)},
    "a fragment": {"poke": (20, 0x20)},
    "TCP's header is shorter": {"poke": (46, 0x40)},
    "TCP's header is longer than the frame": {"poke": (46, 0xF0), "cut": 80},
    "no data": {"cut": 54},
    "no header": {"cut": 53},
    "another protocol": {"poke": (12, 0x86)},
}


@everywhere
@pytest.mark.parametrize("what", BAD_SEGMENTS)
def test_segments_of_what_is_not_tcp_are_refused(run: Run, what: str) -> None:
    driver = start(run)
    change: dict[str, object] = BAD_SEGMENTS[what]  # type: ignore[assignment]
    whole, at, offset = packet(4, 6, bytes(3000), whole=False)
    data = bytearray(whole)
    match change.get("poke"):
        case (int(place), int(byte)):
            data[place] = byte
    del data[int(str(change.get("cut", len(data)))) :]
    at, mss, segment = (int(str(change.get(key, value))) for key, value in (("at", at), ("mss", 1460), ("segment", 1)))
    assert driver.send(bytes(data), (at, offset), segment, mss)
    assert driver.card.sender.wire == [] and driver.count("refused") == 1 and driver.count("sent") == 0
    assert driver.send(frame(1)) and driver.card.sender.wire == [frame(1)]


@everywhere
@pytest.mark.parametrize("length", [0, 13, 1519, 65600, 0xFFFF_FFFF])
def test_lengths_that_no_frame_has_are_refused(run: Run, length: int) -> None:
    driver = start(run)
    place = driver.room()
    assert place is not None
    driver.send_at(place, length)
    assert driver.count("refused") == 1 and driver.card.sender.doorbells == 0


@everywhere
@pytest.mark.parametrize(("at", "offset"), [(59, 0), (60, 0), (40, 19), (0xFFFF, 0xFFFF), (0, 59)])
def test_a_checksum_outside_of_the_frame_is_refused(run: Run, at: int, offset: int) -> None:
    driver = start(run)
    assert driver.send(frame(1), (at, offset))
    assert driver.count("refused") == 1 and driver.card.sender.wire == []


@everywhere
def test_what_was_written_elsewhere_or_without_room_is_not_sent(run: Run) -> None:
    driver = start(run)
    place = driver.room()
    assert place is not None
    driver.send_at(place + 64, 60)
    assert driver.count("refused") == 1
    driver.send_at(place, 60)
    assert driver.count("lost") == 1 and driver.card.sender.wire == []


@everywhere
@pytest.mark.parametrize("pieces", [1, 3, 17])
def test_what_the_card_has_not_sent_is_not_overwritten(run: Run, pieces: int) -> None:
    driver = start(run)
    driver.card.sender.lazy = True
    places: list[tuple[int, int]] = []
    for number in range(80):
        data, at, offset = packet(4, 6, bytes([number]) * (64000 - number * 700), whole=False)
        while (place := driver.room()) is None:
            driver.card.sender.work(pieces)
        for other, length in places[int(driver.state.sent) :]:
            assert int(place) + ROOM_BYTES <= other or other + length <= int(place)
        places.append((int(place), len(data)))
        assert driver.send(data, (at, offset), 1, 1460)
    assert len({place for place, _ in places}) > 8
    assert max(place + length for place, length in places) <= int(driver.state.send_view) + SEND_BYTES
