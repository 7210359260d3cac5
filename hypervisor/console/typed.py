"""What was typed for whom: a queue for each VM and one for the shell, so that Ctrl-A is seen past what is not read.

CONSOLE.lock guards them.
"""

from __future__ import annotations

from codegen.lang import Array, Field, Struct, count, fn, storage_array, u8, u32
from hypervisor.console.console import CONSOLE
from hypervisor.console.guests import GUESTS_MAX

TYPED_BYTES = 4096
SHELL_QUEUE = GUESTS_MAX


class TypedQueue(Struct):
    """`head` and `tail` run freely and are masked at use."""

    head: Field[u32]
    tail: Field[u32]
    last_tail: Field[u32]  # what it was at the last `drop_if_unread`,
    was_full: Field[bool]  # and whether the queue was full
    sender_waits: Field[bool]  # something was typed that had no place
    bytes: Array[u8] = count(TYPED_BYTES)

    @fn
    def used(self) -> u32:
        """Bytes in the queue."""
        return self.head.wrapping_sub(self.tail)

    @fn
    def is_full(self) -> bool:
        return self.used() == TYPED_BYTES

    @fn
    def put(self, byte: u8) -> None:
        """Append one byte; the queue must not be full."""
        self.bytes[self.head & (TYPED_BYTES - 1)] = byte
        self.head = self.head.wrapping_add(u32(1))

    @fn
    def take(self) -> u8 | None:
        """Remove the oldest byte."""
        if self.head == self.tail:
            return None
        byte = self.bytes[self.tail & (TYPED_BYTES - 1)]
        self.tail = self.tail.wrapping_add(u32(1))
        return byte

    @fn
    def drop_up_to(self, byte: u8) -> bool:
        """Remove everything up to the first such byte. False, and nothing removed, when there is none."""
        position = self.tail
        while position != self.head:
            found = self.bytes[position & (TYPED_BYTES - 1)] == byte
            position = position.wrapping_add(u32(1))
            if found:
                self.tail = position
                return True
        return False

    @fn
    def drop_if_unread(self) -> u32:
        """Empty a full queue of which nothing was taken since the last call: the bytes dropped, or 0."""
        unread = self.is_full() and self.was_full and self.tail == self.last_tail
        self.was_full = self.is_full()
        self.last_tail = self.tail
        if unread:
            self.tail = self.head
        return u32(TYPED_BYTES) if unread else u32(0)


TYPED = storage_array(TypedQueue, GUESTS_MAX + 1)


@fn
def console_has_typed(number: u32) -> bool:
    """Whether something waits in a queue. Read without the lock: what comes later is looked at later."""
    return TYPED[number].used() != 0


@fn
def console_has_place(number: u32) -> bool:
    """Whether a queue takes another byte; if not, `console_sender_goes_on` says when it does again. Takes the lock."""
    with CONSOLE.lock:
        queue = TYPED[number]
        queue.sender_waits = queue.is_full()
        return not queue.sender_waits


@fn
def console_sender_goes_on(number: u32) -> bool:
    """After taking: whether somebody waits for a place in the queue, and has enough of it now. Takes the lock."""
    with CONSOLE.lock:
        queue = TYPED[number]
        if not queue.sender_waits or queue.used() > TYPED_BYTES // 2:
            return False
        queue.sender_waits = False
        return True


@fn
def console_take_typed(vm_index: u32) -> u8 | None:
    """The next byte that was typed for this VM, or for the shell (SHELL_QUEUE). Takes the lock."""
    with CONSOLE.lock:
        return TYPED[vm_index].take()


@fn(cold=True)
def console_drop_unread(number: u32) -> u32:
    """Drop what stands in a queue that is full and not read: how many bytes. Takes the lock."""
    with CONSOLE.lock:
        return TYPED[number].drop_if_unread()


@fn(cold=True)
def console_drop_up_to(number: u32, byte: u8) -> bool:
    """Drop what stands in a queue up to this byte. False when it is not there. Takes the lock."""
    with CONSOLE.lock:
        return TYPED[number].drop_up_to(byte)
