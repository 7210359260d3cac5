"""A split virtqueue from the driver's side (virtio 1.2, 2.7): chains are offered, and come back in any order.

The rings lie in memory that the device writes too: each value is read once, and who takes a head from here checks it.
"""

from __future__ import annotations

from codegen.lang import Field, Hpa, Struct, fn, mfence, mmio, phys, phys_span, u16, u32, u64
from drivers.virtio.pci import VirtioNotify
from drivers.virtio.ring import (
    AVAILABLE_AT,
    AVAILABLE_ENTRY,
    AVAILABLE_RING,
    DESCRIPTORS_AT,
    NO_INTERRUPT,
    NO_NOTIFY,
    RING_BYTES,
    USED_AT,
    USED_ENTRY,
    USED_RING,
    Descriptor,
    DescriptorFlags,
    RingHead,
    RingWord,
    UsedEntry,
)


class DriverQueue(Struct):
    """`base` is at RING_BYTES of the driver's memory, `size` a power of two, at most RING_MAX."""

    base: Field[Hpa]
    notify: Field[Hpa]
    size: Field[u32]
    number: Field[u16]
    next_available: Field[u16]
    next_used: Field[u16]
    event_index: Field[bool]  # both sides have that feature
    armed: Field[bool]  # the device interrupts when it gives the next chain back


@fn(cold=True)
def queue_reset(queue: DriverQueue, number: u16, notify: Hpa) -> None:
    """As the device takes it after a reset: empty."""
    phys_span(queue.base, u64(RING_BYTES)).fill(0)
    queue.number = number
    queue.notify = notify
    queue.next_available = 0
    queue.next_used = 0
    queue.armed = False


@fn(inline=True, unchecked=True)
def put_descriptor(table: Hpa, index: u64, address: u64, length: u32, flags: DescriptorFlags, next: u16) -> None:
    """Entry `index` of a table, which exists."""
    descriptor = phys(Descriptor, table + index * 16)
    descriptor.address = address
    descriptor.length = length
    descriptor.flags = flags
    descriptor.next = next


@fn(inline=True, unchecked=True)
def queue_table(queue: DriverQueue) -> Hpa:
    """Its descriptors."""
    return queue.base + DESCRIPTORS_AT


@fn(unchecked=True)
def queue_offer(queue: DriverQueue, head: u16) -> None:
    """Give the device the chain that begins with descriptor `head`, and tell it unless it does not want to be told."""
    index = queue.next_available
    slot = u64(u32(index) & (queue.size - 1))
    phys(RingWord, queue.base + (slot * AVAILABLE_ENTRY + (AVAILABLE_AT + AVAILABLE_RING))).value = head
    following = index.wrapping_add(1)
    queue.next_available = following
    phys(RingHead, queue.base + AVAILABLE_AT).index.store_release(following)
    mfence()  # the index first, then the question: the device does it the other way round
    wanted = phys(RingHead, queue.base + USED_AT).flags & NO_NOTIFY == 0
    if queue.event_index:
        event = queue.base + (u64(queue.size) * USED_ENTRY + (USED_AT + USED_RING))
        wanted = phys(RingWord, event).value == index
    if wanted:
        mmio(VirtioNotify, queue.notify).queue.write(queue.number)


@fn(inline=True, unchecked=True)
def queue_is_idle(queue: DriverQueue) -> bool:
    """Whether the device has given nothing back that was not taken."""
    return phys(RingHead, queue.base + USED_AT).index.load() == queue.next_used


@fn(inline=True, unchecked=True)
def queue_take(queue: DriverQueue) -> u32:
    """The head that the device has written into the next entry, when the queue is not idle. It may be anything."""
    entry = used_entry(queue, queue.next_used)
    queue.next_used = queue.next_used.wrapping_add(1)
    queue.armed = False
    return entry.head


@fn(inline=True, unchecked=True)
def queue_taken_bytes(queue: DriverQueue) -> u32:
    """How much the device says that it has written into the chain taken last: anything."""
    return used_entry(queue, queue.next_used.wrapping_sub(1)).bytes


@fn(inline=True, unchecked=True)
def used_entry(queue: DriverQueue, index: u16) -> UsedEntry:
    slot = u64(u32(index) & (queue.size - 1))
    return phys(UsedEntry, queue.base + (slot * USED_ENTRY + (USED_AT + USED_RING)))


@fn(unchecked=True)
def queue_arm(queue: DriverQueue) -> bool:
    """Of an idle queue: have the device interrupt when it gives the next chain back. False when one came meanwhile,
    for which there may be no interrupt."""
    if queue.armed:
        return True
    queue.armed = True
    if queue.event_index:
        event = queue.base + (u64(queue.size) * AVAILABLE_ENTRY + (AVAILABLE_AT + AVAILABLE_RING))
        phys(RingWord, event).value = queue.next_used
    else:
        phys(RingHead, queue.base + AVAILABLE_AT).flags = 0
    mfence()  # then look once more
    return queue_is_idle(queue)


@fn(unchecked=True)
def queue_hush(queue: DriverQueue) -> None:
    """No interrupts until `queue_arm`, as far as the device cares; with event indexes that is so anyway."""
    if not queue.event_index:
        phys(RingHead, queue.base + AVAILABLE_AT).flags = NO_INTERRUPT
