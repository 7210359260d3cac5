"""Sending with an e1000: a frame's descriptors, and the doorbell."""

from __future__ import annotations

from codegen.lang import Local, fn, min, phys, span_at, u8, u32, u64
from drivers.net.checksum import checksum_fits, checksum_here
from drivers.net.e1000.context import ask_checksum, ask_segments, context_reaches
from drivers.net.e1000.descriptors import E1000Data, E1000Kind, E1000Ring
from drivers.net.e1000.room import LONGEST, NUMBERS
from drivers.net.e1000.segments import Segments, find_segments, prepare_segments
from drivers.net.e1000.state import E1000, ROOM_NONE, E1000Controller, E1000Stage, registers_of
from drivers.net.frame import FRAME_BYTES, HEADER_BYTES, SEGMENT_NONE, SEGMENT_TCP4, Frame

SHORTEST = 60  # bytes: the card's own padding may spoil what is shorter (Linux: e1000_xmit_frame)
PIECE = 4096  # bytes of a descriptor, which could have 16288
SENTINEL = 4  # bytes of a last descriptor behind which nothing is reported too early
LINE = 64


@fn
def e1000_send(controller: u32, frame: Frame) -> None:
    """Send what was written where `e1000_room` said; it changes there. A frame that cannot be sent as it is given, or
    for which there was no room, is dropped and counted."""
    card = E1000.controllers[controller]
    place = card.send_room
    card.send_room = ROOM_NONE
    if card.stage != E1000Stage.RUNNING or place == ROOM_NONE:
        card.counters.lost += 1
        return
    if frame.at != card.send_view + u64(place) or frame.bytes < HEADER_BYTES:
        card.counters.refused += 1
        return
    first = card.send_next
    data = E1000Data(insert_crc=True, extended=True, kind=u8(E1000Kind.DATA))
    if frame.segment != SEGMENT_NONE:
        send_segments(card, frame, place, data)
        return
    if frame.bytes > FRAME_BYTES or (frame.checksum_wanted and not checksum_fits(frame)):
        card.counters.refused += 1
        return
    bytes = pad(frame)
    if frame.checksum_wanted:
        if context_reaches(frame):
            ask_checksum(card, frame)
            data = data.replace(tcp_checksum=True)
        else:
            checksum_here(frame)
    put_frame(card, first, place, bytes, data, card.send_after_segments)
    card.send_after_segments = False


@fn
def send_segments(card: E1000Controller, frame: Frame, place: u32, data: E1000Data) -> None:
    """A frame that the card cuts."""
    found = Local(Segments)
    if frame.bytes > LONGEST or not find_segments(frame, found):
        card.counters.refused += 1
        return
    first = card.send_next
    prepare_segments(frame, found)
    ask_segments(card, frame, found)
    ipv4 = frame.segment == SEGMENT_TCP4
    put_frame(card, first, place, frame.bytes, data.replace(segment=True, tcp_checksum=True, ip_checksum=ipv4), True)
    card.send_after_segments = True


@fn
def pad(frame: Frame) -> u32:
    """Its length on the wire. Zeros do not change a checksum."""
    bytes = frame.bytes
    if bytes >= SHORTEST:
        return bytes
    span_at(frame.at + u64(bytes), u64(SHORTEST) - u64(bytes)).fill(u8(0))
    return u32(SHORTEST)


@fn
def put_frame(card: E1000Controller, first: u32, place: u32, bytes: u32, data: E1000Data, sentinel: bool) -> None:
    """Its descriptors behind the context, which is at `first` if there is one; then the doorbell.

    `sentinel`: a card reports a frame that it cuts, and the next one, when their data is not all read yet, unless the
    last few bytes have a descriptor to themselves (Linux: e1000_tx_map).
    """
    ring = phys(E1000Ring, card.send_ring)
    number = card.send_next
    at = place
    end = place + bytes
    last = number
    while at != end:
        piece = min(end - at, u32(PIECE))
        if sentinel and piece == end - at and piece > 2 * SENTINEL:
            piece -= SENTINEL
        descriptor = ring.descriptors[number & NUMBERS]
        whole = at + piece == end
        descriptor.low = u64(card.send_buffers) + u64(at)
        descriptor.high = u64(data.replace(bytes=piece, end=whole, report=whole))
        last = number
        number = (number + 1) & NUMBERS
        at += piece
    pending = card.pending[first & NUMBERS]
    pending.last = last
    pending.end = (end + (LINE - 1)) & ~(LINE - 1)
    card.send_head = pending.end
    card.send_next = number
    card.counters.sent += 1
    card.counters.sent_bytes += u64(bytes)
    registers_of(card).tdt[0].write(number)
