"""A large piece of TCP data in one frame, cut into frames for a receiver that does not take it whole."""

from __future__ import annotations

from codegen.lang import Field, Span, Struct, fn, len, min, u8, u16, u32, u64, usize
from drivers.virtio.net import GSO_TCPV6, VirtioNetHeader
from hypervisor.net.checksum import fold, sum_bytes
from hypervisor.net.ethernet import (
    HEADER_BYTES,
    TAG_BYTES,
    TYPE_AT,
    VLAN_TYPE,
    read_be16,
    read_be32,
    write_be16,
    write_be32,
)

IPV4, IPV6, TCP = 0x0800, 0x86DD, 6
IPV4_BYTES, IPV6_BYTES, TCP_BYTES = 20, 40, 20  # headers without options
TCP_CHECKSUM = 16  # of RFC 9293, 3.1: where it stands,
TCP_FLAGS = 13  # and the flags
FIN, PUSH, CWR = 0x01, 0x08, 0x80


class Cut(Struct):
    """Where a frame's headers are. Its data begins at `data`."""

    ip: Field[u32]
    tcp: Field[u32]
    data: Field[u32]
    version6: Field[bool]


@fn
def find_headers(cut: Cut, frame: Span, header: VirtioNetHeader) -> bool:
    """False when it is not what `header` says, or has what nobody cuts: extension headers, fragments."""
    cut.ip = HEADER_BYTES
    if len(frame) < HEADER_BYTES + TAG_BYTES + IPV4_BYTES:
        return False
    type = read_be16(frame, usize(TYPE_AT))
    if type == VLAN_TYPE:
        cut.ip = HEADER_BYTES + TAG_BYTES
        type = read_be16(frame, usize(TYPE_AT + TAG_BYTES))
    cut.version6 = header.gso_type == GSO_TCPV6
    sound = find_tcp6(cut, frame, type) if cut.version6 else find_tcp4(cut, frame, type)
    if not sound or u32(len(frame)) < cut.tcp + TCP_BYTES:
        return False
    words = u32(frame[usize(cut.tcp) + 12] >> 4)
    cut.data = cut.tcp + words * 4
    sound = words >= TCP_BYTES // 4 and cut.data < u32(len(frame))
    return sound and u32(header.csum_start) == cut.tcp and header.csum_offset == TCP_CHECKSUM


@fn
def find_tcp4(cut: Cut, frame: Span, type: u16) -> bool:
    """Behind the header of IPv4 (RFC 791, 3.1)."""
    first = frame[usize(cut.ip)]
    words = u32(first & 15)
    cut.tcp = cut.ip + words * 4
    fragment = read_be16(frame, usize(cut.ip) + 6) & 0x3FFF  # more follow, or it is not the first
    return type == IPV4 and first >> 4 == 4 and words >= 5 and fragment == 0 and frame[usize(cut.ip) + 9] == TCP


@fn
def find_tcp6(cut: Cut, frame: Span, type: u16) -> bool:
    """Behind that of IPv6 (RFC 8200, 3)."""
    cut.tcp = cut.ip + IPV6_BYTES
    return type == IPV6 and frame[usize(cut.ip)] >> 4 == 6 and frame[usize(cut.ip) + 6] == TCP


@fn
def build_segment(cut: Cut, frame: Span, done: u32, most: u32, into: Span) -> tuple[u32, u32]:
    """The frame with the data from byte `done` on, at most `most` bytes of it (1 or more), with whole checksums: how
    long it is, and how many bytes of data it has."""
    left = u32(len(frame)) - cut.data - done
    here = min(most, left)
    length = cut.data + here
    into.slice(usize(0), usize(cut.data)).copy_from(frame.slice(usize(0), usize(cut.data)))
    data = frame.slice(usize(cut.data) + usize(done), usize(here))
    into.slice(usize(cut.data), usize(here)).copy_from(data)
    if cut.version6:
        write_be16(into, usize(cut.ip) + 4, u16.trunc(length - cut.tcp))
    else:
        write_ipv4(cut, into, length, done // most)
    tcp = usize(cut.tcp)
    write_be32(into, tcp + 4, read_be32(into, tcp + 4).wrapping_add(done))
    keep = u8(0xFF)
    if here != left:
        keep = keep & ~u8(FIN | PUSH)
    if done != 0:
        keep = keep & ~u8(CWR)
    into[tcp + TCP_FLAGS] = into[tcp + TCP_FLAGS] & keep
    write_be16(into, tcp + TCP_CHECKSUM, u16(0))
    checksum = fold(sum_bytes(into.slice(tcp, usize(length - cut.tcp))) + pseudo_header(cut, into, length - cut.tcp))
    write_be16(into, tcp + TCP_CHECKSUM, ~checksum)
    return length, here


@fn
def write_ipv4(cut: Cut, into: Span, length: u32, number: u32) -> None:
    """The length, an identification of its own, and the header's checksum."""
    ip = usize(cut.ip)
    write_be16(into, ip + 2, u16.trunc(length - cut.ip))
    write_be16(into, ip + 4, read_be16(into, ip + 4).wrapping_add(u16.trunc(number)))
    write_be16(into, ip + 10, u16(0))
    write_be16(into, ip + 10, ~fold(sum_bytes(into.slice(ip, usize(cut.tcp - cut.ip)))))


@fn
def pseudo_header(cut: Cut, frame: Span, bytes: u32) -> u64:
    """The sum of addresses, protocol and length, not folded (RFC 9293, 3.1; RFC 8200, 8.1)."""
    start = usize(cut.ip) + 8 if cut.version6 else usize(cut.ip) + 12
    addresses = sum_bytes(frame.slice(start, usize(32) if cut.version6 else usize(8)))
    turned = u16.trunc(bytes)
    return addresses + (u64(turned << 8 | turned >> 8)) + (TCP << 8)
