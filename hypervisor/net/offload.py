"""What a sender leaves undone of a frame (virtio 1.2, 5.1.6.2): checked before anybody relies on it."""

from __future__ import annotations

from codegen.lang import Span, fn, len, min, u16, u32, u64
from drivers.virtio.net import (
    CSUM,
    GSO_NONE,
    GSO_TCPV4,
    GSO_TCPV6,
    HOST_TSO4,
    HOST_TSO6,
    NEEDS_CSUM,
    VirtioNetHeader,
)
from hypervisor.net.ethernet import HEADER_BYTES, TAG_BYTES

SEGMENT_MIN = 48  # bytes of data: Linux asks for no less, and a frame makes a bounded number of others
LONGEST = HEADER_BYTES + 0xFFFF  # bytes of a frame that is to be cut: IP has no longer packets


@fn
def header_sound(header: VirtioNetHeader, frame: Span, features: u64) -> bool:
    """Whether a sender with these features may ask for it, and all places are inside of the frame. What has no
    meaning in a sound header is 0 afterwards."""
    header.flags = header.flags & NEEDS_CSUM
    header.num_buffers = 0
    if header.flags == 0:
        header.csum_start = 0
        header.csum_offset = 0
    elif features & CSUM == 0 or not place_sound(header, u32(len(frame))):
        return False
    if header.gso_type == GSO_NONE:
        header.hdr_len = 0
        header.gso_size = 0
        return True
    allowed = (
        header.gso_type == GSO_TCPV4
        and features & HOST_TSO4 != 0
        or header.gso_type == GSO_TCPV6
        and features & HOST_TSO6 != 0
    )
    return allowed and header.flags != 0 and header.gso_size >= SEGMENT_MIN and u32(header.hdr_len) <= u32(len(frame))


@fn
def place_sound(header: VirtioNetHeader, bytes: u32) -> bool:
    """Whether the checksum is of something behind the frame's own header, and stands there; a tag more leaves room."""
    start = u32(header.csum_start)
    room = start >= HEADER_BYTES and start <= 0xFFFF - TAG_BYTES
    return room and start + u32(header.csum_offset) + 2 <= bytes


@fn
def header_without_tag(header: VirtioNetHeader) -> None:
    """The frame has lost its tag. What lay inside of it is 0, and unsound."""
    header.csum_start = header.csum_start.saturating_sub(u16(TAG_BYTES))
    header.hdr_len = header.hdr_len.saturating_sub(u16(TAG_BYTES))


@fn
def header_with_tag(header: VirtioNetHeader) -> None:
    """The frame has got one; the header is sound."""
    if header.flags != 0:
        header.csum_start = header.csum_start + TAG_BYTES
    if header.gso_type != GSO_NONE:
        header.hdr_len = min(header.hdr_len, u16(0xFFFF - TAG_BYTES)) + TAG_BYTES
