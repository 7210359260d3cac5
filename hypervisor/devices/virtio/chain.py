"""A chain of descriptors, read once and checked: what the device reads, then what it writes (virtio 1.2, 2.7.4)."""

from __future__ import annotations

from codegen.lang import Array, Field, Gpa, Local, Span, Struct, count, fn, len, min, range, span_of, u32, u64, usize
from drivers.virtio.ring import Descriptor
from hypervisor.devices.virtio.queue import ADDRESS_LIMIT, QUEUE_SIZE, Virtqueue
from hypervisor.memory.guest import GuestMemory, copy_in, copy_out

SEGMENTS = QUEUE_SIZE
DESCRIPTOR_BYTES = 16


class Segment(Struct):
    """A run of guest memory, which need not exist."""

    gpa: Field[Gpa]
    length: Field[u64]


class Chain(Struct):
    """`segments` from `first_written` on are written by the device."""

    segment_count: Field[u32]
    first_written: Field[u32]
    readable: Field[u64]  # bytes
    writable: Field[u64]
    segments: Array[Segment] = count(SEGMENTS)


@fn
def chain_read(chain: Chain, queue: Virtqueue, memory: GuestMemory, head: u32, indirect: bool) -> bool:
    """Follow the chain from `head`. False when it is none: it leaves its table, runs in circles, has more descriptors
    than a queue may hold, or lets the device read behind what it writes. `indirect`: the driver may use such tables."""
    chain.segment_count = 0
    chain.first_written = 0
    chain.readable = 0
    chain.writable = 0
    descriptor = Local(Descriptor)
    table = queue.descriptors
    entries = queue.size
    may_lead_away = indirect
    index = head
    for _ in range(u32(SEGMENTS + 1)):
        if index >= entries:
            return False
        if copy_in(memory, table + u64(index) * DESCRIPTOR_BYTES, span_of(descriptor)) is not None:
            return False
        flags = descriptor.flags
        if flags.indirect:
            if not may_lead_away or flags.next or descriptor.length % DESCRIPTOR_BYTES != 0:
                return False
            if descriptor.address >= ADDRESS_LIMIT:
                return False
            table = Gpa(descriptor.address)
            entries = min(descriptor.length // DESCRIPTOR_BYTES, u32(SEGMENTS))
            may_lead_away = False
            index = u32(0)
        else:
            if not chain_add(chain, Gpa(descriptor.address), descriptor.length, flags.write):
                return False
            if not flags.next:
                return True
            index = u32(descriptor.next)
    return False


@fn
def chain_add(chain: Chain, gpa: Gpa, length: u32, write: bool) -> bool:
    """One more segment; False when there is no room, or when it should have come before."""
    number = chain.segment_count
    if number >= SEGMENTS or not write and number != chain.first_written:
        return False
    segment = chain.segments[number]
    segment.gpa = gpa
    segment.length = u64(length)
    if write:
        chain.writable = chain.writable + u64(length)
    else:
        chain.readable = chain.readable + u64(length)
        chain.first_written = number + 1
    chain.segment_count = number + 1
    return True


@fn
def chain_piece(chain: Chain, offset: u64, written: bool) -> tuple[Gpa, u64]:
    """Where byte `offset` of what the device reads, or writes, lies, and how many lie there together: 0 behind its
    end."""
    number = chain.first_written if written else u32(0)
    end = chain.segment_count if written else chain.first_written
    while number < end:
        segment = chain.segments[number & (SEGMENTS - 1)]
        if offset < segment.length:
            return Gpa(u64(segment.gpa).wrapping_add(offset)), segment.length - offset
        offset = offset - segment.length
        number = number + 1
    return Gpa(0), u64(0)


@fn
def chain_take(chain: Chain, memory: GuestMemory, offset: u64, into: Span) -> bool:
    """Copy what the driver gives, from byte `offset` on. False when it is not all there, or not in RAM."""
    done = u64(0)
    while done < u64(len(into)):
        gpa, length = chain_piece(chain, offset + done, False)
        length = min(length, u64(len(into)) - done)
        if length == 0 or copy_in(memory, gpa, into.slice(usize(done), usize(length))) is not None:
            return False
        done = done + length
    return True


@fn
def chain_put(chain: Chain, memory: GuestMemory, offset: u64, source: Span) -> bool:
    """Copy to what the driver wants written, from byte `offset` on. False when it does not fit, or is not RAM."""
    done = u64(0)
    while done < u64(len(source)):
        gpa, length = chain_piece(chain, offset + done, True)
        length = min(length, u64(len(source)) - done)
        if length == 0 or copy_out(memory, gpa, source.slice(usize(done), usize(length))) is not None:
            return False
        done = done + length
    return True
