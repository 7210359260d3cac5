"""Contexts of an e1000: what the card is to compute for the frames behind one (8254x 3.3.5 to 3.3.7)."""

from __future__ import annotations

from codegen.lang import fn, phys, u8, u16, u32, u64
from drivers.net.e1000.descriptors import E1000Context, E1000Kind, E1000Places, E1000Ring
from drivers.net.e1000.room import NUMBERS
from drivers.net.e1000.segments import TCP_CHECKSUM, Segments
from drivers.net.e1000.state import E1000Controller
from drivers.net.frame import SEGMENT_TCP4, Frame

REACH = 0xFF  # bytes from the frame's beginning: a context's fields have 8 bits


@fn
def context_reaches(frame: Frame) -> bool:
    """Whether the card can compute this checksum."""
    return u32(frame.checksum_start) + u32(frame.checksum_offset) <= REACH


@fn
def ask_checksum(card: E1000Controller, frame: Frame) -> None:
    """For the next frame, as it asks; `context_reaches`. The card remembers the last context."""
    start = u32(frame.checksum_start)
    places = E1000Places(tcp_start=u8(start), tcp_offset=u8(start + u32(frame.checksum_offset)))
    if u64(places) == card.send_places:
        return
    card.send_places = u64(places)
    put_context(
        card,
        places,
        E1000Context(kind=u8(E1000Kind.CONTEXT), extended=True, tcp=frame.checksum_offset == TCP_CHECKSUM),
    )


@fn
def ask_segments(card: E1000Controller, frame: Frame, found: Segments) -> None:
    """For the next frame, whose headers are prepared. The context counts its bytes: it is of no use for another one."""
    ipv4 = frame.segment == SEGMENT_TCP4
    places = E1000Places(
        ip_start=u8(found.ip),
        ip_offset=u8(found.ip + 10) if ipv4 else u8(0),
        ip_end=u16(found.tcp - 1) if ipv4 else u16(0),
        tcp_start=u8(found.tcp),
        tcp_offset=u8(found.tcp + TCP_CHECKSUM),
    )
    card.send_places = 0
    put_context(
        card,
        places,
        E1000Context(
            bytes=frame.bytes - found.data,
            kind=u8(E1000Kind.CONTEXT),
            tcp=True,
            ipv4=ipv4,
            segment=True,
            extended=True,
            header_bytes=u8(found.data),
            segment_bytes=frame.segment_bytes,
        ),
    )


@fn
def put_context(card: E1000Controller, places: E1000Places, context: E1000Context) -> None:
    """As the next descriptor."""
    number = card.send_next
    descriptor = phys(E1000Ring, card.send_ring).descriptors[number & NUMBERS]
    descriptor.low = u64(places)
    descriptor.high = u64(context)
    card.send_next = (number + 1) & NUMBERS
