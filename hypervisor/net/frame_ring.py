"""Frames on their way to a port, in memory of its own: many write, one after the other, and one reads.

Each frame lies in one piece behind its head. Who writes holds the port's lock; the reader needs none: what it has been
told of stays as it is until it says that it is done with it.
"""

from __future__ import annotations

from codegen.lang import Atomic, Field, Hva, Span, Struct, address_of, at, fn, span_at, u32, u64, usize, view_at
from drivers.virtio.net import VirtioNetHeader

RING_BYTES = 512 << 10
GRAIN = 32  # heads begin at multiples of it
HEAD_BYTES = GRAIN


class FrameHead(Struct, size=HEAD_BYTES, align=4):
    """`bytes` follow. 0 bytes: nothing but the way to the ring's beginning."""

    bytes: Field[u32] = at(0)
    flow: Field[u32] = at(4)  # the same for all frames of a conversation
    header: VirtioNetHeader = at(8)


class FrameRing(Struct):
    """Both counts of bytes run on for ever."""

    base: Field[Hva]  # of RING_BYTES
    written: Atomic[u64]
    read: Atomic[u64]
    reserved: Field[u64]  # bytes that the next frame takes


@fn
def whole_bytes(frame: u32) -> u64:
    """Of the ring, for a frame of so many."""
    return HEAD_BYTES + (u64(frame) + (GRAIN - 1) & ~(GRAIN - 1))


@fn
def head_at(ring: FrameRing, count: u64) -> FrameHead:
    """The head at which so many bytes have been written or read."""
    return view_at(FrameHead, ring.base + (count & (RING_BYTES - 1)))


@fn
def frame_of(head: FrameHead, bytes: u32) -> Span:
    """So many bytes behind it."""
    return span_at(address_of(head) + HEAD_BYTES, usize(bytes))


@fn
def ring_reserve(ring: FrameRing, bytes: u32) -> FrameHead | None:
    """Room for a frame of 1 to a quarter of RING_BYTES, which the reader sees only after `ring_commit`. None: there is
    none."""
    written = ring.written.load()
    needed = whole_bytes(bytes)
    together = RING_BYTES - (written & (RING_BYTES - 1))
    skipped = together if together < needed else u64(0)
    if bytes > RING_BYTES // 4 or written + skipped + needed - ring.read.load() > RING_BYTES:
        return None
    if skipped != 0:
        head_at(ring, written).bytes = 0
    head = head_at(ring, written + skipped)
    head.bytes = bytes
    ring.reserved = skipped + needed
    return head


@fn
def ring_commit(ring: FrameRing) -> None:
    """The frame for which room was reserved last is whole."""
    ring.written.store(ring.written.load() + ring.reserved)


@fn
def ring_peek(ring: FrameRing) -> FrameHead | None:
    """The next frame, which stays the next one."""
    written = ring.written.load()
    read = ring.read.load()
    if read == written:
        return None
    head = head_at(ring, read)
    if head.bytes != 0:
        return head
    read = read + (RING_BYTES - (read & (RING_BYTES - 1)))
    ring.read.store(read)
    return head_at(ring, read)


@fn
def ring_drop(ring: FrameRing, head: FrameHead) -> None:
    """Done with the frame that was peeked."""
    ring.read.store(ring.read.load() + whole_bytes(head.bytes))


@fn
def ring_empty(ring: FrameRing) -> None:
    """Drop all."""
    ring.read.store(ring.written.load())
