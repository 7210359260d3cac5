"""Frames, put together and looked at by the RFCs alone."""

from __future__ import annotations

import struct


def ones_sum(data: bytes) -> int:
    """RFC 1071: the sum in 16 bits, most significant byte first."""
    total = sum(struct.unpack(f">{(len(data) + 1) // 2}H", data + bytes(len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def mac(number: int) -> bytes:
    return bytes([2, 0, 0, 0, number >> 8 & 0xFF, number & 0xFF])


def ethernet(to: bytes, source: bytes, kind: int, data: bytes, tag: int | None = None) -> bytes:
    between = b"" if tag is None else struct.pack(">HH", 0x8100, tag)
    return to + source + between + struct.pack(">H", kind) + data


def ipv4(data: bytes, protocol: int = 6, options: bytes = b"", identification: int = 7) -> bytes:
    words = 5 + len(options) // 4
    head = struct.pack(
        ">BBHHHBBH4s4s",
        *(0x40 | words, 0, words * 4 + len(data) & 0xFFFF, identification, 0x4000, 64, protocol, 0),
        *(bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2])),
    )
    checksum = ~ones_sum(head + options) & 0xFFFF
    return head[:10] + struct.pack(">H", checksum) + head[12:] + options + data


def ipv6(data: bytes, protocol: int = 6) -> bytes:
    return (
        struct.pack(">IHBB", 6 << 28, len(data) & 0xFFFF, protocol, 64) + bytes(range(16)) + bytes(range(16, 32)) + data
    )


def pseudo(ip: bytes, length: int, protocol: int = 6) -> bytes:
    addresses = ip[12:20] if ip[0] >> 4 == 4 else ip[8:40]
    return addresses + struct.pack(">II", length, protocol)


def tcp(data: bytes, flags: int = 0x18, options: bytes = b"", sequence: int = 0xFFFF_FF00, checksum: int = 0) -> bytes:
    words = 5 + len(options) // 4
    return struct.pack(">HHIIBBHHH", 1234, 80, sequence, 99, words << 4, flags, 512, checksum, 0) + options + data


def segment_sound(frame: bytes, at: int = 14) -> bool:
    """Whether both checksums and all lengths of a TCP segment are right."""
    ip = frame[at:]
    if ip[0] >> 4 == 4:
        head = (ip[0] & 15) * 4
        right = ones_sum(ip[:head]) == 0xFFFF and struct.unpack(">H", ip[2:4])[0] == len(ip)
    else:
        head = 40
        right = struct.unpack(">H", ip[4:6])[0] == len(ip) - 40
    return right and ones_sum(pseudo(ip, len(ip) - head) + ip[head:]) == 0xFFFF
