from __future__ import annotations

import pytest

from tests.net.e1000.execution import Run, both_cards, everywhere, start
from tests.net.e1000.packets import packet
from tests.net.e1000.receiving import DD, EOP, IXSM

RING, BATCH = 256, 16


def frame(number: int, length: int = 60) -> bytes:
    return b"\xff" * 6 + number.to_bytes(6, "big") + bytes((number + i) & 0xFF for i in range(length - 12))


@everywhere
@both_cards
def test_frames_of_every_length_come_whole(run: Run, device: int) -> None:
    driver = start(run, device)
    sent = [frame(i, length) for i, length in enumerate((14, 15, 59, 60, 61, 512, 1513, 1514, 1515, 1518))]
    for each in sent:
        assert driver.card.receiver.arrive(each)
    assert driver.receive() == sent
    assert driver.count("received") == len(sent)
    assert driver.count("received_bytes") == sum(map(len, sent))


@everywhere
@both_cards
def test_everybody_s_frames_come(run: Run, device: int) -> None:
    driver = start(run, device)
    for to in ("525400123456", "02aabbccddee", "ffffffffffff", "01005e000001", "333300000001"):
        assert driver.card.receiver.arrive(bytes.fromhex(to) + bytes(54))
    assert len(driver.receive()) == 5


@everywhere
@both_cards
def test_the_ring_goes_round_and_buffers_go_back_in_batches(run: Run, device: int) -> None:
    driver = start(run, device)
    before = driver.card.receiver.tails
    for number in range(3 * RING):
        assert driver.card.receiver.arrive(frame(number))
        assert driver.receive() == [frame(number)]
    assert driver.card.receiver.tails - before == 3 * RING // BATCH
    assert driver.card.missed == 0


@everywhere
@both_cards
def test_a_full_ring_loses_what_came_last_and_says_so(run: Run, device: int) -> None:
    driver = start(run, device)
    taken = [driver.card.receiver.arrive(frame(number)) for number in range(RING + 10)]
    assert taken == [True] * (RING - 1) + [False] * 11
    assert driver.receive() == [frame(number) for number in range(RING - 1)]
    driver.tick()
    assert driver.count("missed") == 11
    driver.tick()
    assert driver.count("missed") == 11
    assert driver.card.receiver.arrive(frame(7)) and driver.receive() == [frame(7)]


@everywhere
def test_a_frame_stays_until_it_is_given_back(run: Run) -> None:
    driver = start(run)
    for number in range(2):
        driver.card.receiver.arrive(frame(number))
    first = driver.take()
    assert first is not None and first[0] == frame(0)
    assert driver.take() is None
    for number in range(2, RING):
        driver.card.receiver.arrive(frame(number))
    driver.done()
    driver.done()
    assert driver.receive()[0] == frame(1)


@everywhere
@both_cards
@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("protocol", [6, 17])
@pytest.mark.parametrize("tagged", [False, True])
def test_checksums_that_the_card_found_right_are_good(
    run: Run, device: int, version: int, protocol: int, tagged: bool
) -> None:
    driver = start(run, device)
    right, start_, _ = packet(version, protocol, b"payload" * 9, tagged)
    wrong = bytearray(right)
    wrong[start_ + 9 if protocol == 17 else start_ + 20] ^= 0x40
    bad_ip = bytearray(right)
    bad_ip[start_ - 12] ^= 1
    for each in (right, bytes(wrong), bytes(bad_ip), frame(3)):
        driver.card.receiver.arrive(each)
    found = []
    while (one := driver.take()) is not None:
        found.append(one)
        driver.done()
    assert [data for data, _ in found] == [right, bytes(wrong), bytes(bad_ip), frame(3)]
    assert [good for _, good in found] == [True, False, False, False]


@everywhere
@both_cards
@pytest.mark.parametrize(
    ("cause", "data", "length", "status", "errors"),
    [
        *(("bad", bytes(60), 60, DD | EOP, 1 << error) for error in (0, 1, 2, 4, 7)),
        ("short", bytes(60), 13, DD | EOP, 0),
        ("short", bytes(60), 0, DD | EOP, 0),
        ("long", bytes(60), 1519, DD | EOP, 0),
        ("long", bytes(60), 2049, DD | EOP, 0),
        ("long", bytes(60), 0xFFFF, DD | EOP, 0),
    ],
)
def test_what_is_no_whole_frame_is_dropped_and_counted(
    run: Run, device: int, cause: str, data: bytes, length: int, status: int, errors: int
) -> None:
    driver = start(run, device)
    driver.card.receiver.arrive(frame(1))
    assert driver.card.receiver.fill_raw([(data, length, status, errors)])
    driver.card.receiver.arrive(frame(2))
    assert driver.receive() == [frame(1), frame(2)]
    assert {name: driver.count(name) for name in ("bad", "short", "long", "split")} == {
        name: int(name == cause) for name in ("bad", "short", "long", "split")
    }


@everywhere
@both_cards
@pytest.mark.parametrize("pieces", [2, 3, 255])
def test_a_frame_over_several_buffers_is_dropped_once(run: Run, device: int, pieces: int) -> None:
    driver = start(run, device)
    parts = [(bytes(100), DD, 0)] * (pieces - 1) + [(bytes(100), DD | EOP | IXSM, 0)]
    assert driver.card.receiver.fill(parts)
    assert driver.receive() == []
    driver.card.receiver.arrive(frame(5))
    assert driver.receive() == [frame(5)]
    assert driver.count("split") == 1 and driver.count("received") == 1


@everywhere
def test_a_frame_without_an_end_does_not_keep_anybody(run: Run) -> None:
    driver = start(run)
    for _ in range(20):
        assert driver.card.receiver.fill([(bytes(60), DD, 0)] * 200)
        assert driver.receive() == []
    assert driver.card.receiver.fill([(bytes(60), DD | EOP, 0)])
    driver.card.receiver.arrive(frame(5))
    assert driver.receive() == [frame(5)]


@everywhere
def test_a_card_that_marks_every_descriptor_is_left_after_one_round(run: Run) -> None:
    driver = start(run)
    card = driver.card
    card.noise = lambda: card.dma_write(int(driver.state.receive_ring), (b"\0" * 12 + b"\x01\0\0\0") * RING)
    card.noise()
    assert driver.take() is None
    assert driver.take() is None


@everywhere
def test_a_descriptor_s_address_means_nothing_to_us(run: Run) -> None:
    driver = start(run)
    ring = int(driver.state.receive_ring)
    driver.card.receiver.arrive(frame(1))
    driver.card.dma_write(ring, b"\xff" * 8)
    assert driver.receive() == [frame(1)]
