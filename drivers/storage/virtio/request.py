"""A request in the memory that the device reads: its descriptors, header, and the place for the answer."""

from __future__ import annotations

from codegen.lang import Array, Field, Hpa, Struct, at, fn, phys, u8, u16, u32, u64
from drivers.storage.command import SEGMENTS_MAX
from drivers.virtio.block import ID_BYTES, BlockHeader, BlockRequest, BlockRun
from drivers.virtio.driver_queue import put_descriptor
from drivers.virtio.ring import Descriptor, DescriptorFlags

DESCRIPTORS_MAX = SEGMENTS_MAX + 2
REQUEST_BYTES = 640
TABLE_AT, HEADER_AT, RUN_AT, ANSWER_AT = 0, 544, 560, 576
HEADER_BYTES, RUN_BYTES, DESCRIPTOR_BYTES = 16, 16, 16
UNANSWERED = 0xFF  # no status of the device's


class Request(Struct, size=REQUEST_BYTES, align=16):
    """`table` is used when the ring's descriptors are indirect."""

    table: Array[Descriptor] = at(TABLE_AT, count=DESCRIPTORS_MAX)
    header: BlockHeader = at(HEADER_AT)
    run: BlockRun = at(RUN_AT)


class Answer(Struct, size=64, align=16, shared=True):
    """At ANSWER_AT of a request; the device writes it."""

    status: Field[u8] = at(0)
    id: Array[u8] = at(4, count=ID_BYTES)


@fn(inline=True, unchecked=True)
def request_open(request: Hpa, kind: BlockRequest, sector: u64, table: Hpa, first: u16) -> None:
    """Header and answer; descriptor `first` of the chain, whose others follow it in `table`."""
    header = phys(Request, request).header
    header.type = u32(kind)
    header.sector = sector
    phys(Answer, request + ANSWER_AT).status = UNANSWERED
    flags = DescriptorFlags(next=True)
    put_descriptor(table, u64(first), u64(request) + HEADER_AT, u32(HEADER_BYTES), flags, first.wrapping_add(1))


@fn(inline=True, unchecked=True)
def request_close(request: Hpa, table: Hpa, last: u16) -> None:
    """Descriptor `last` of the chain: the place of the status."""
    put_descriptor(table, u64(last), u64(request) + ANSWER_AT, u32(1), DescriptorFlags(write=True), u16(0))
