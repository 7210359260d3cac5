"""The Internet checksum (RFC 1071)."""

from __future__ import annotations

from codegen.lang import Field, Span, Struct, at, fn, len, u16, u32, u64, usize
from hypervisor.net.ethernet import write_be16

WORD = 4


class Word(Struct, size=WORD, align=1):
    """The sum may be taken of numbers as the processor has them, and turned at its end (RFC 1071, 2 (B))."""

    value: Field[u32] = at(0)


@fn
def sum_bytes(bytes: Span) -> u64:
    """The sum as 32-bit little-endian words, not folded, of at most 2**32 bytes; zeros follow an end in between."""
    sum = u64(0)
    at = usize(0)
    end = len(bytes)
    while at + WORD <= end:
        word = bytes.view(at, Word)
        if word is not None:
            sum = sum + u64(word.value)
        at = at + WORD
    shift = u64(0)
    while at < end:
        sum = sum + (u64(bytes[at]) << shift)
        shift = shift + 8
        at = at + 1
    return sum


@fn
def fold(sum: u64) -> u16:
    """The sum in 16 bits, as it stands in a frame: the most significant byte first."""
    sum = (sum & 0xFFFF_FFFF) + (sum >> 32)
    sum = (sum & 0xFFFF) + (sum >> 16 & 0xFFFF) + (sum >> 32)
    sum = (sum & 0xFFFF) + (sum >> 16)
    sum = (sum & 0xFFFF) + (sum >> 16)
    swapped = u16.trunc(sum)
    return swapped << 8 | swapped >> 8


@fn
def complete_checksum(frame: Span, start: u32, offset: u32) -> bool:
    """Put the checksum of what lies from `start` on `offset` bytes behind it, where the pseudo header's sum is so far
    (virtio 1.2, 5.1.6.2). False when that place is not inside of the frame."""
    place = u64(start) + u64(offset)
    if place + 2 > u64(len(frame)):
        return False
    checksum = ~fold(sum_bytes(frame.slice(usize(start), len(frame) - usize(start))))
    # UDP says by 0 that there is none (RFC 768); both zeros are the same to all others.
    write_be16(frame, usize(place), u16(0xFFFF) if checksum == 0 else checksum)
    return True
