"""Split virtqueues (virtio 1.2, 2.7): three areas in the driver's memory, all little-endian."""

from __future__ import annotations

from codegen.lang import Atomic, BitStruct, Field, Struct, at, bit, u16, u32, u64


class DescriptorFlags(BitStruct, repr=u16):
    """2.7.5."""

    next: bool = bit(0)  # `next` is the number of the following one
    write: bool = bit(1)  # the device writes it, else it reads it
    indirect: bool = bit(2)  # it holds a table of descriptors


class Descriptor(Struct, size=16, align=8):
    """One run of memory (2.7.5)."""

    address: Field[u64] = at(0)
    length: Field[u32] = at(8)
    flags: Field[DescriptorFlags] = at(12)
    next: Field[u16] = at(14)


# The available ring (2.7.6), written by the driver: heads of chains, then `used_event`.
AVAILABLE_FLAGS, AVAILABLE_INDEX, AVAILABLE_RING, AVAILABLE_ENTRY = 0, 2, 4, 2
NO_INTERRUPT = 1

# The used ring (2.7.8), written by the device: heads with the bytes written, then `avail_event`.
USED_FLAGS, USED_INDEX, USED_RING, USED_ENTRY = 0, 2, 4, 8
NO_NOTIFY = 1

# Where our drivers put the three areas of a queue, of at most RING_MAX descriptors, in memory that begins a page.
RING_MAX = 256
DESCRIPTORS_AT, AVAILABLE_AT, USED_AT, RING_BYTES = 0, 0x1000, 0x1400, 0x2000


class RingHead(Struct, size=4, align=4, shared=True):
    """How each of the two rings begins. Who sees `index` sees what was written before it."""

    flags: Field[u16] = at(0)
    index: Atomic[u16] = at(2)  # of the next entry, modulo 2**16


class RingWord(Struct, size=2, align=2, shared=True):
    """An entry of the available ring, `used_event` or `avail_event`."""

    value: Field[u16] = at(0)


class UsedEntry(Struct, size=8, align=4, shared=True):
    """One of the used ring (2.7.8)."""

    head: Field[u32] = at(0)
    bytes: Field[u32] = at(4)  # that the device says it has written
