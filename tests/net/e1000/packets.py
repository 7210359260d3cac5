"""Ethernet frames of TCP and UDP, put together and taken apart by their RFCs."""

from __future__ import annotations

import struct
from dataclasses import dataclass

ADDRESSES = b"\n\0\0\1", b"\n\0\0\2"


def summed(data: bytes) -> int:
    """The Internet checksum's sum of words, not complemented (RFC 1071)."""
    data = data + b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


@dataclass(frozen=True)
class Parts:
    """Where things are in a frame."""

    version: int
    protocol: int
    ip: int
    transport: int
    end: int  # of the IP packet


def take_apart(frame: bytes) -> Parts | None:
    """None when there is no whole TCP or UDP in it."""
    ip = 18 if frame[12:14] == b"\x81\x00" else 14
    kind = frame[ip - 2 : ip]
    if kind == b"\x08\x00" and len(frame) >= ip + 20 and frame[ip] >> 4 == 4:
        transport, protocol = ip + (frame[ip] & 15) * 4, frame[ip + 9]
        end = ip + int.from_bytes(frame[ip + 2 : ip + 4], "big")
        version = 4
    elif kind == b"\x86\xdd" and len(frame) >= ip + 40:
        transport, protocol = ip + 40, frame[ip + 6]
        end = transport + int.from_bytes(frame[ip + 4 : ip + 6], "big")
        version = 6
    else:
        return None
    least = {6: 20, 17: 8}.get(protocol)
    if least is None or not transport + least <= end <= len(frame):
        return None
    return Parts(version, protocol, ip, transport, end)


def pseudo_header(frame: bytes, parts: Parts, length: int) -> bytes:
    addresses = frame[parts.ip + 12 : parts.ip + 20] if parts.version == 4 else frame[parts.ip + 8 : parts.ip + 40]
    return addresses + struct.pack(">II", length, parts.protocol)


def transport_is_right(frame: bytes, parts: Parts) -> bool:
    body = frame[parts.transport : parts.end]
    return summed(pseudo_header(frame, parts, len(body)) + body) == 0xFFFF


def ip_is_right(frame: bytes, parts: Parts) -> bool:
    return parts.version == 6 or summed(frame[parts.ip : parts.transport]) == 0xFFFF


def packet(
    version: int, protocol: int, payload: bytes, tagged: bool = False, options: int = 0, whole: bool = True
) -> tuple[bytes, int, int]:
    """The frame, its checksum's start, and offset there. Not `whole`: the field has the pseudo-header's sum."""
    ethernet = bytes.fromhex("525400aabbcc525400010203") + (b"\x81\x00\x20\x07" if tagged else b"")
    if protocol == 6:
        flags = (5 + options) << 12 | 0x019  # PSH, FIN, ACK
        header = struct.pack(">HHIIHHHH", 1000, 80, 0xFFFF_FF00, 7, flags, 500, 0, 0) + b"\x01" * 4 * options
        offset = 16
    else:
        header = struct.pack(">HHHH", 1000, 53, min(8 + len(payload), 0xFFFF), 0)
        offset = 6
    body = header + payload
    if version == 4:
        ip = struct.pack(
            ">BBHHHBBH4s4s", 0x45, 0, 20 + len(body), 77, 0x4000, 64, protocol, 0, b"\n\0\0\1", b"\n\0\0\2"
        )
        ip = ip[:10] + struct.pack(">H", summed(ip) ^ 0xFFFF) + ip[12:]
        kind = b"\x08\x00"
    else:
        ip = struct.pack(">IHBB", 0x6000_0000, len(body), protocol, 64) + bytes(range(32))
        kind = b"\x86\xdd"
    frame = bytearray(ethernet + kind + ip + body)
    start = len(frame) - len(body)
    parts = Parts(version, protocol, start - len(ip), start, len(frame))
    total = summed(pseudo_header(frame, parts, len(body)))
    if whole:
        total = summed(pseudo_header(frame, parts, len(body)) + body) ^ 0xFFFF or 0xFFFF
    frame[start + offset : start + offset + 2] = total.to_bytes(2, "big")
    return bytes(frame), start, offset
