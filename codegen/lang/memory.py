"""The host's memory: one arena in which physical memory, static memory and the stack of `Local` have real addresses."""

from __future__ import annotations

import ctypes
import mmap

_MAP_NORESERVE = 0x4000
ARENA_SIZE = 1 << 30

# Offsets in the arena.
PHYSICAL = 0x0000_0000, 0x3000_0000
CONSTANTS = 0x3000_0000, 0x3400_0000
ZEROED = 0x3400_0000, 0x3D00_0000
STACK = 0x3D00_0000, 0x4000_0000

buffer = mmap.mmap(-1, ARENA_SIZE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _MAP_NORESERVE)
base = ctypes.addressof(ctypes.c_char.from_buffer(buffer))


class BadAddress(Exception):
    """An access outside the host's memory: what would be a page fault in an image."""


def offset_of(address: int, size: int) -> int:
    """Where `size` bytes at a real address lie in the arena. BadAddress when they do not."""
    offset = address - base
    if offset < 0 or offset + size > ARENA_SIZE:
        raise BadAddress(f"{size} bytes at {address:#x} are outside the host's memory")
    return offset


def read(address: int, size: int) -> bytes:
    """Bytes at a real address."""
    offset = offset_of(address, size)
    return buffer[offset : offset + size]


def write(address: int, data: bytes) -> None:
    """Bytes to a real address."""
    offset = offset_of(address, len(data))
    buffer[offset : offset + len(data)] = data


class Region:
    """A part of the arena that hands out memory from bottom to top; `top` is a real address."""

    def __init__(self, name: str, bounds: tuple[int, int]) -> None:
        self.name = name
        self.start = self.top = base + bounds[0]
        self.end = base + bounds[1]

    def allocate(self, size: int, align: int) -> int:
        """The real address of `size` bytes. MemoryError when the region is full."""
        address = (self.top + align - 1) & -align
        if address + size > self.end:
            raise MemoryError(f"the host's {self.name} is full: {size} bytes do not fit")
        self.top = address + size
        return address

    def clear(self) -> None:
        """All bytes to zero; what was handed out stays so."""
        buffer.madvise(mmap.MADV_DONTNEED, self.start - base, self.end - self.start)


physical = Region("physical memory", PHYSICAL)
constants = Region("read-only memory", CONSTANTS)
zeroed = Region("static memory", ZEROED)
stack = Region("stack", STACK)
