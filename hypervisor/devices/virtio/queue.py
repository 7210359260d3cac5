"""One split virtqueue (virtio 1.2, 2.7) from the device's side. The rings lie in the guest's memory and may say
anything at any moment: each value is read once, and checked."""

from __future__ import annotations

from codegen.lang import Field, Gpa, HwEnum, Struct, fn, mfence, u16, u32, u64
from drivers.virtio.ring import (
    AVAILABLE_ENTRY,
    AVAILABLE_FLAGS,
    AVAILABLE_INDEX,
    AVAILABLE_RING,
    NO_INTERRUPT,
    USED_ENTRY,
    USED_INDEX,
    USED_RING,
)
from hypervisor.memory.fault import Fault
from hypervisor.memory.guest import GuestMemory, read_u16, write_u16, write_u64

QUEUE_SIZE = 128  # descriptors, at most
ADDRESS_LIMIT = 1 << 52  # above it lies no memory
INDEX_MASK = 0xFFFF  # indexes of rings run freely through 16 bits


class RingStop(HwEnum, repr=u32, must_use=True):
    """Why there is no chain to work on."""

    EMPTY = 1
    BROKEN = 2  # the ring is not where RAM is, or says what cannot be


class Virtqueue(Struct):
    """`size` is a power of two. The addresses are as the driver gave them, but below ADDRESS_LIMIT once it is
    enabled."""

    enabled: Field[bool]
    size: Field[u32]
    vector: Field[u32]  # of MSI-X, or NO_VECTOR
    descriptors: Field[Gpa]
    available: Field[Gpa]
    used: Field[Gpa]
    next_available: Field[u32]  # the next chain that we have not taken
    next_used: Field[u32]
    told: Field[u32]  # `next_used` when the driver was last thought of


@fn
def queue_can_start(queue: Virtqueue) -> bool:
    """Whether the areas are aligned (2.7) and can be memory at all."""
    misaligned = u64(queue.descriptors) & 15 | u64(queue.available) & 1 | u64(queue.used) & 3
    highest = u64(queue.descriptors) | u64(queue.available) | u64(queue.used)
    return misaligned == 0 and highest < ADDRESS_LIMIT


@fn
def queue_peek(queue: Virtqueue, memory: GuestMemory) -> u32 | RingStop:
    """The head of the next chain, which stays the next one."""
    published = read_u16(memory, queue.available + AVAILABLE_INDEX)
    if isinstance(published, Fault):
        return RingStop.BROKEN
    waiting = u32(published).wrapping_sub(queue.next_available) & INDEX_MASK
    if waiting == 0:
        return RingStop.EMPTY
    if waiting > queue.size:
        return RingStop.BROKEN
    slot = u64(queue.next_available & (queue.size - 1))
    head = read_u16(memory, queue.available + (slot * AVAILABLE_ENTRY + AVAILABLE_RING))
    if isinstance(head, Fault) or u32(head) >= queue.size:
        return RingStop.BROKEN
    return u32(head)


@fn
def queue_take(queue: Virtqueue) -> None:
    """The chain that was peeked is ours until it is given back."""
    queue.next_available = queue.next_available + 1 & INDEX_MASK


@fn
def queue_give(queue: Virtqueue, memory: GuestMemory, head: u32, written: u32) -> bool:
    """Give a chain back, with `written` bytes in it. False: the used ring is not where RAM is."""
    return queue_enter(queue, memory, head, written) and queue_publish(queue, memory)


@fn
def queue_enter(queue: Virtqueue, memory: GuestMemory, head: u32, written: u32) -> bool:
    """The same, but the driver does not see it before `queue_publish`."""
    slot = u64(queue.next_used & (queue.size - 1))
    if write_u64(memory, queue.used + (slot * USED_ENTRY + USED_RING), u64(written) << 32 | u64(head)) is not None:
        return False
    queue.next_used = queue.next_used + 1 & INDEX_MASK
    return True


@fn
def queue_publish(queue: Virtqueue, memory: GuestMemory) -> bool:
    """Let the driver see all that was entered. False: the used ring is not where RAM is."""
    # x86 keeps the order of stores: who sees the index sees the element.
    return write_u16(memory, queue.used + USED_INDEX, u16.trunc(queue.next_used)) is None


@fn
def queue_wants_interrupt(queue: Virtqueue, memory: GuestMemory, event_index: bool) -> bool | RingStop:
    """Whether the driver wants to hear of what was given back since it was last thought of (2.7.7, 2.7.10)."""
    before = queue.told
    queue.told = queue.next_used
    mfence()  # the index first, then the question: the driver does it the other way round
    if not event_index:
        flags = read_u16(memory, queue.available + AVAILABLE_FLAGS)
        return RingStop.BROKEN if isinstance(flags, Fault) else flags & NO_INTERRUPT == 0
    event = read_u16(memory, queue.available + (u64(queue.size) * AVAILABLE_ENTRY + AVAILABLE_RING))
    if isinstance(event, Fault):
        return RingStop.BROKEN
    passed = queue.next_used.wrapping_sub(before) & INDEX_MASK
    return queue.next_used.wrapping_sub(u32(event)).wrapping_sub(1) & INDEX_MASK < passed


@fn
def queue_expect(queue: Virtqueue, memory: GuestMemory) -> bool:
    """With event indexes: ask to be told of the next chain, and no earlier. False: the used ring is not in RAM."""
    place = queue.used + (u64(queue.size) * USED_ENTRY + USED_RING)
    if write_u16(memory, place, u16.trunc(queue.next_available)) is not None:
        return False
    mfence()  # then look once more whether one came meanwhile
    return True
