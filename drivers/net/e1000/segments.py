"""The headers of TCP data that an e1000 is to cut into segments: found, checked, and prepared as the card wants them.

Whoever made the frame may be a guest: nothing of what it says is believed.
"""

from __future__ import annotations

from codegen.lang import Field, Span, Struct, fn, span_at, u32, u64, usize
from drivers.net.checksum import put_word, words_sum
from drivers.net.frame import FRAME_BYTES, HEADER_BYTES, SEGMENT_TCP4, SEGMENT_TCP6, Frame

TAG, IPV4, IPV6 = 0x8100, 0x0800, 0x86DD  # types behind the addresses
TAG_BYTES = 4
TCP = 6
TCP_CHECKSUM = 16  # its offset in the header
LEAST_HEADERS = HEADER_BYTES + 20 + 20
LEAST_SEGMENT = 48  # bytes: smaller ones make a flood of one frame; Linux's own tcp_min_snd_mss


class Segments(Struct):
    """Offsets in the frame."""

    ip: Field[u32]
    tcp: Field[u32]
    data: Field[u32]


@fn
def find_segments(frame: Frame, found: Segments) -> bool:
    """Whether its headers are what it says, and the segments will be frames."""
    if frame.bytes < LEAST_HEADERS:
        return False
    bytes = span_at(frame.at, u64(frame.bytes))
    ip = u32(HEADER_BYTES)
    if word(bytes, usize(HEADER_BYTES - 2)) == TAG:
        ip += TAG_BYTES
    tcp = u32(frame.checksum_start)
    if not is_ip_before_tcp(bytes, frame, ip, tcp) or tcp + 20 > frame.bytes:
        return False
    data = tcp + u32(bytes[usize(tcp) + 12] >> 4) * 4
    segment = u32(frame.segment_bytes)
    longest = u32(FRAME_BYTES - TAG_BYTES - HEADER_BYTES) + ip
    if data < tcp + 20 or data >= frame.bytes or segment < LEAST_SEGMENT or data + segment > longest:
        return False
    found.ip = ip
    found.tcp = tcp
    found.data = data
    return True


@fn
def is_ip_before_tcp(bytes: Span, frame: Frame, ip: u32, tcp: u32) -> bool:
    """Without fragments, and without IPv6's further headers."""
    type = word(bytes, usize(ip) - 2)
    version = bytes[usize(ip)]
    if frame.segment == SEGMENT_TCP4:
        length = u32(version & 15) * 4
        whole = word(bytes, usize(ip) + 6) & 0x3FFF == 0
        known = type == IPV4 and version >> 4 == 4 and bytes[usize(ip) + 9] == TCP
        return known and whole and length >= 20 and ip + length == tcp
    known = type == IPV6 and version >> 4 == 6 and bytes[usize(ip) + 6] == TCP
    return frame.segment == SEGMENT_TCP6 and known and ip + 40 == tcp


@fn
def prepare_segments(frame: Frame, found: Segments) -> None:
    """The card puts in lengths, and adds the length to the pseudo-header's sum: that is here without (8254x 3.5.6)."""
    bytes = span_at(frame.at, u64(frame.bytes))
    ip = usize(found.ip)
    addresses = bytes.slice(ip + 12, usize(8))
    if frame.segment == SEGMENT_TCP4:
        put_word(bytes, ip + 2, u32(0))
        put_word(bytes, ip + 10, u32(0))
    else:
        put_word(bytes, ip + 4, u32(0))
        addresses = bytes.slice(ip + 8, usize(32))
    put_word(bytes, usize(found.tcp) + TCP_CHECKSUM, words_sum(addresses, u32(TCP)))


@fn
def word(bytes: Span, at: usize) -> u32:
    """The upper byte first."""
    return u32(bytes[at]) << 8 | u32(bytes[at + 1])
