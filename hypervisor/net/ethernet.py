"""Frames of Ethernet (IEEE 802.3, 802.1Q): addresses, types and VLAN tags in bytes."""

from __future__ import annotations

from codegen.lang import Span, fn, range, u8, u16, u32, u64, usize

MAC_BYTES = 6
TYPE_AT = 2 * MAC_BYTES
HEADER_BYTES = 14
TAG_BYTES = 4
VLAN_TYPE, SERVICE_TYPE, OLD_SERVICE_TYPE = 0x8100, 0x88A8, 0x9100
VLAN_MASK = 0xFFF
BROADCAST = 0xFFFF_FFFF_FFFF
GROUP_BIT = 1 << 40  # in an address of 48 bits: it is no single station's


@fn
def read_be16(bytes: Span, at: usize) -> u16:
    """16 bits, the most significant byte first."""
    return u16(bytes[at]) << 8 | u16(bytes[at + 1])


@fn
def write_be16(bytes: Span, at: usize, value: u16) -> None:
    """The same."""
    bytes[at] = u8(value >> 8)
    bytes[at + 1] = u8.trunc(value)


@fn
def read_be32(bytes: Span, at: usize) -> u32:
    """32 bits."""
    return u32(read_be16(bytes, at)) << 16 | u32(read_be16(bytes, at + 2))


@fn
def write_be32(bytes: Span, at: usize, value: u32) -> None:
    """The same."""
    write_be16(bytes, at, u16(value >> 16))
    write_be16(bytes, at + 2, u16.trunc(value))


@fn
def read_mac(bytes: Span, at: usize) -> u64:
    """An address, its first byte in bits 40 to 47."""
    mac = u64(0)
    for i in range(usize(MAC_BYTES)):
        mac = mac << 8 | u64(bytes[at + i])
    return mac


@fn
def is_group(mac: u64) -> bool:
    """Multicast or broadcast."""
    return mac & GROUP_BIT != 0


@fn
def is_tag(type: u16) -> bool:
    """Whether a VLAN tag stands where a frame's type would."""
    return type == VLAN_TYPE or type == SERVICE_TYPE or type == OLD_SERVICE_TYPE
