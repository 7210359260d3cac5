"""A queue of bytes in static memory: the console's output and input. CONSOLE.lock guards both."""

from __future__ import annotations

from codegen.lang import Array, Field, Struct, count, fn, u8, u32

RING_BYTES = 1 << 16


class ByteRing(Struct):
    """`head` and `tail` run freely and are masked at use; their difference is the number of queued bytes."""

    head: Field[u32]
    tail: Field[u32]
    bytes: Array[u8] = count(RING_BYTES)

    @fn
    def used(self) -> u32:
        """Bytes in the queue."""
        return self.head.wrapping_sub(self.tail)

    @fn
    def is_empty(self) -> bool:
        return self.head == self.tail

    @fn
    def is_full(self) -> bool:
        return self.used() == RING_BYTES

    @fn
    def put(self, byte: u8) -> None:
        """Append one byte; the ring must not be full."""
        self.bytes[self.head & (RING_BYTES - 1)] = byte
        self.head = self.head.wrapping_add(u32(1))

    @fn
    def take(self) -> u8:
        """Remove the oldest byte; the ring must not be empty."""
        byte = self.bytes[self.tail & (RING_BYTES - 1)]
        self.tail = self.tail.wrapping_add(u32(1))
        return byte

    @fn
    def clear(self) -> None:
        """Forget everything queued."""
        self.tail = self.head
