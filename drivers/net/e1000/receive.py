"""Receiving with an e1000. What a descriptor says is the card's word: no address or length of it is used unchecked."""

from __future__ import annotations

from codegen.lang import fn, phys, range, u32, u64
from drivers.net.e1000.descriptors import BUFFER, RING, E1000Received, E1000Ring
from drivers.net.e1000.state import E1000, E1000Controller, E1000Stage, registers_of
from drivers.net.frame import FRAME_BYTES, HEADER_BYTES, SEGMENT_NONE, Frame

NUMBERS = RING - 1  # mask
BATCH = 16  # buffers that go back by one write to the card
FRAME_ERRORS = 0x97  # all but what the card found in the checksums of IP, TCP and UDP


@fn
def e1000_receive(controller: u32, frame: Frame) -> bool:
    """The next frame; it stays until `e1000_receive_done`, which comes before the next call. False when there is
    none."""
    card = E1000.controllers[controller]
    if card.stage != E1000Stage.RUNNING or card.receive_held:
        return False
    ring = phys(E1000Ring, card.receive_ring)
    for _ in range(u32(RING)):  # a card could say for ever that there is one
        number = card.receive_next & NUMBERS
        word = E1000Received.of(ring.descriptors[number].high)
        if not word.done:
            return False
        if is_good(card, word):
            frame.at = card.receive_view + u64(number) * BUFFER
            frame.bytes = u32(word.bytes)
            frame.checksum_wanted = False
            frame.checksum_good = not word.no_checksums and is_checked(word)
            frame.segment = SEGMENT_NONE
            card.receive_held = True
            card.counters.received += 1
            card.counters.received_bytes += u64(word.bytes)
            return True
        give_back(card)
    return False


@fn
def e1000_receive_done(controller: u32) -> None:
    """The frame that `e1000_receive` gave last is not needed any more."""
    card = E1000.controllers[controller]
    if card.receive_held:
        card.receive_held = False
        if card.stage == E1000Stage.RUNNING:
            give_back(card)


@fn
def is_good(card: E1000Controller, word: E1000Received) -> bool:
    """A whole frame of a right length. Others are counted, once each."""
    if word.end and not card.receive_split:
        if u64(word) >> 40 & FRAME_ERRORS == 0 and word.bytes >= HEADER_BYTES and word.bytes <= FRAME_BYTES:
            return True
    count_dropped(card, word)
    return False


@fn
def is_checked(word: E1000Received) -> bool:
    """TCP or UDP's checksum, and it was right."""
    return (word.tcp_checked or word.udp_checked) and not word.tcp_bad and not word.ip_bad


@fn(cold=True)
def count_dropped(card: E1000Controller, word: E1000Received) -> None:
    """By cause; a frame over several buffers at its end."""
    counters = card.counters
    split = card.receive_split
    card.receive_split = not word.end
    if not word.end:
        return
    if split:
        counters.split += 1
    elif u64(word) >> 40 & FRAME_ERRORS != 0:
        counters.bad += 1
    elif word.bytes < HEADER_BYTES:
        counters.short += 1
    else:
        counters.long += 1


@fn
def give_back(card: E1000Controller) -> None:
    """The oldest buffer. The card has all up to the one before the oldest: a tail that meets the head would mean
    none."""
    number = card.receive_next & NUMBERS
    phys(E1000Ring, card.receive_ring).descriptors[number].high = 0
    following = (number + 1) & NUMBERS
    card.receive_next = following
    if following & (BATCH - 1) == 0:
        registers_of(card).rdt[0].write(following.wrapping_sub(1) & NUMBERS)
