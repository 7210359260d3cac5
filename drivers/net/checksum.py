"""The Internet checksum (RFC 1071), for what a card cannot do."""

from __future__ import annotations

from codegen.lang import Span, fn, len, range, span_at, u8, u32, u64, usize
from drivers.net.frame import Frame


@fn
def words_sum(bytes: Span, before: u32) -> u32:
    """`before` and all 16-bit words, first byte upper, an odd byte as if 0 followed; 16 bits. Of at most 64 KiB."""
    sum = u64(before)
    for at in range(usize(0), len(bytes), 2):
        sum += u64(bytes[at]) << 8
        if at + 1 < len(bytes):
            sum += u64(bytes[at + 1])
    while sum > 0xFFFF:
        sum = (sum & 0xFFFF) + (sum >> 16)
    return u32(sum)


@fn
def put_word(bytes: Span, at: usize, word: u32) -> None:
    """The upper byte first."""
    bytes[at] = u8(word >> 8 & 0xFF)
    bytes[at + 1] = u8(word & 0xFF)


@fn
def checksum_fits(frame: Frame) -> bool:
    """Whether what is asked for lies in the frame."""
    return u32(frame.checksum_start) + u32(frame.checksum_offset) + 2 <= frame.bytes


@fn(cold=True)
def checksum_here(frame: Frame) -> None:
    """Do by program what `checksum_wanted` asks for; `checksum_fits`. 0 means none to UDP, so FFFFh is sent for it."""
    start = u64(frame.checksum_start)
    bytes = span_at(frame.at + start, u64(frame.bytes) - start)
    sum = words_sum(bytes, u32(0)) ^ 0xFFFF
    put_word(bytes, usize(frame.checksum_offset), u32(0xFFFF) if sum == 0 else sum)
    frame.checksum_wanted = False
