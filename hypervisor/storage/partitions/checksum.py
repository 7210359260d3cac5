"""The CRC32 of a GUID partition table (ISO 3309; UEFI 2.10, 4.2 says how)."""

from __future__ import annotations

from codegen.lang import Span, fn, len, range, u32

POLYNOMIAL = 0xEDB8_8320  # bits in reverse order
ALL_ONES = 0xFFFF_FFFF


@fn(cold=True)
def crc32(bytes: Span) -> u32:
    """Of all of them."""
    value = u32(ALL_ONES)
    for i in range(len(bytes)):
        value = value ^ u32(bytes[i])
        for _ in range(u32(8)):
            odd = value & 1 != 0
            value = value >> 1
            if odd:
                value = value ^ POLYNOMIAL
    return ~value
