"""Descriptors of the e1000 (8254x, 3.2.3 and 3.3; 82574, 7.1.4 and 7.2.10), the same for all cards: two words each.

The first word of a descriptor of data is the address of its buffer.
"""

from __future__ import annotations

from codegen.lang import Array, BitStruct, Field, HwEnum, Struct, at, bit, bits, u8, u16, u32, u64

RING = 256  # descriptors: a page of them
BUFFER = 2048  # bytes that a descriptor receives


class E1000Descriptor(Struct, size=16, align=16, shared=True):
    """Any of them."""

    low: Field[u64] = at(0)
    high: Field[u64] = at(8)


class E1000Ring(Struct, size=4096, align=4096, shared=True):
    """A queue of them."""

    descriptors: Array[E1000Descriptor] = at(0, count=RING)


class E1000Received(BitStruct, repr=u64):
    """The second word of a received one, as the card writes it (8254x 3.2.3.1 to 3.2.3.3)."""

    bytes: u16 = bits(0, 15)
    checksum: u16 = bits(16, 31)
    done: bool = bit(32)
    end: bool = bit(33)  # of the frame
    no_checksums: bool = bit(34)  # the next ones say nothing
    vlan: bool = bit(35)
    udp_checked: bool = bit(36)  # 82574; reserved before
    tcp_checked: bool = bit(37)
    ip_checked: bool = bit(38)
    crc_error: bool = bit(40)
    symbol_error: bool = bit(41)
    sequence_error: bool = bit(42)
    carrier_error: bool = bit(44)
    tcp_bad: bool = bit(45)
    ip_bad: bool = bit(46)
    data_error: bool = bit(47)
    tag: u16 = bits(48, 63)


class E1000Legacy(BitStruct, repr=u64):
    """The second word of the oldest kind to send (8254x 3.3.3)."""

    bytes: u16 = bits(0, 15)
    checksum_offset: u8 = bits(16, 23)
    end: bool = bit(24)
    insert_crc: bool = bit(25)
    insert_checksum: bool = bit(26)
    report: bool = bit(27)
    extended: bool = bit(29)  # false
    insert_vlan: bool = bit(30)
    delay: bool = bit(31)
    done: bool = bit(32)
    checksum_start: u8 = bits(40, 47)
    tag: u16 = bits(48, 63)


class E1000Kind(HwEnum, repr=u8):
    """Of an extended one."""

    CONTEXT = 0
    DATA = 1


class E1000Data(BitStruct, repr=u64):
    """The second word of data to send (8254x 3.3.7)."""

    bytes: u32 = bits(0, 19)
    kind: u8 = bits(20, 23)  # E1000Kind
    end: bool = bit(24)
    insert_crc: bool = bit(25)
    segment: bool = bit(26)
    report: bool = bit(27)  # set `done` then
    extended: bool = bit(29)
    insert_vlan: bool = bit(30)
    delay: bool = bit(31)  # the interrupt
    done: bool = bit(32)
    ip_checksum: bool = bit(40)
    tcp_checksum: bool = bit(41)
    tag: u16 = bits(48, 63)


class E1000Places(BitStruct, repr=u64):
    """The first word of a context (8254x 3.3.6): where checksums begin, lie, and end (0: with the frame)."""

    ip_start: u8 = bits(0, 7)
    ip_offset: u8 = bits(8, 15)
    ip_end: u16 = bits(16, 31)
    tcp_start: u8 = bits(32, 39)
    tcp_offset: u8 = bits(40, 47)
    tcp_end: u16 = bits(48, 63)


class E1000Context(BitStruct, repr=u64):
    """The second word of a context: what the data behind it is, and how it is cut."""

    bytes: u32 = bits(0, 19)  # behind the header
    kind: u8 = bits(20, 23)
    tcp: bool = bit(24)
    ipv4: bool = bit(25)
    segment: bool = bit(26)
    report: bool = bit(27)
    extended: bool = bit(29)
    delay: bool = bit(31)
    done: bool = bit(32)
    header_bytes: u8 = bits(40, 47)
    segment_bytes: u16 = bits(48, 63)
