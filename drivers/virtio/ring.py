"""Split virtqueues (virtio 1.2, 2.7): three areas in the driver's memory, all little-endian."""

from __future__ import annotations

from codegen.lang import BitStruct, Field, Struct, at, bit, u16, u32, u64


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
