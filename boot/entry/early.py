"""What the entry code needs before any allocator: the first page tables and the start-up stack, in .bss."""

from __future__ import annotations

from codegen.lang import Array, Hva, Struct, address_of, at, fn, storage, u8, u64

PHYSICAL_MAP_BASE = 0xFFFF_8000_0000_0000
STACK_SIZE = 32 << 10


class EarlyMemory(Struct, size=0x8000 + STACK_SIZE, align=4096, shared=True):
    """Page tables of 2 MiB pages, all writable: the monitor builds its own, W^X, as soon as it owns frames."""

    pml4: Array[u64] = at(0, count=512)
    low_pdpt: Array[u64] = at(0x1000, count=512)  # 0 to 4 GiB; also at PHYSICAL_MAP_BASE
    high_pdpt: Array[u64] = at(0x2000, count=512)
    low_directories: Array[u64] = at(0x3000, count=4 * 512)
    image_directory: Array[u64] = at(0x7000, count=512)
    stack: Array[u8] = at(0x8000, count=STACK_SIZE)


EARLY = storage(EarlyMemory)
EARLY_SYMBOL = f"{__name__}.EARLY"


@fn(export="early_memory")
def early_memory() -> Hva:
    """Where it lies: the monitor frees it once it has its own tables and stack."""
    return address_of(EARLY)
