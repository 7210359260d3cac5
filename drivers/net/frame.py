"""An Ethernet frame on its way between a card and who uses it. Buffers are the driver's; a frame is copied once."""

from __future__ import annotations

from codegen.lang import Field, Hva, Struct, u8, u16, u32

HEADER_BYTES = 14
FRAME_BYTES = 1518  # with a VLAN tag, without the checksum at the end
SEGMENT_NONE, SEGMENT_TCP4, SEGMENT_TCP6 = 0, 1, 4  # as virtio numbers them (virtio 1.2, 5.1.6)


class Frame(Struct):
    """`bytes` at `at`, without the checksum at the end. What is left to the card to do, in virtio's terms: the checksum
    of what lies from `checksum_start` on goes `checksum_offset` behind it; with `segment` (SEGMENT_...), data of TCP is
    cut into pieces of `segment_bytes` behind copies of the first `header_bytes`."""

    at: Field[Hva]
    bytes: Field[u32]
    checksum_wanted: Field[bool]  # when sent; received ones are whole
    checksum_good: Field[bool]  # when received: the card has checked that of TCP or UDP
    segment: Field[u8]
    checksum_start: Field[u16]
    checksum_offset: Field[u16]
    header_bytes: Field[u16]
    segment_bytes: Field[u16]
