"""A frame of 512 words that units walk: root, context or page table."""

from __future__ import annotations

from codegen.lang import Array, Field, Hpa, Struct, address_of, at, clflush, fn, mfence, phys, range, u32, u64

TABLE_BYTES = 4096
CACHE_LINE = 64


class WalkedTable(Struct, size=TABLE_BYTES, align=TABLE_BYTES, shared=True):
    """Any of them."""

    words: Array[u64] = at(0, count=512)


class WalkedWord(Struct, size=8, align=8, shared=True):
    """One of them: a place to flush."""

    value: Field[u64] = at(0)


@fn
def walked_write(table: Hpa, index: u32, value: u64, incoherent: bool) -> None:
    """Word `index` (below 512). `incoherent`: a unit does not snoop caches, so it is in memory before the unit hears
    of it."""
    phys(WalkedTable, table).words[index] = value
    if incoherent:
        flush(table + u64(index) * 8)
        mfence()


@fn
def walked_publish(table: Hpa, incoherent: bool) -> None:
    """The same for a whole fresh table, before an entry leads to it."""
    if incoherent:
        for offset in range(u64(0), u64(TABLE_BYTES), CACHE_LINE):
            flush(table + offset)
        mfence()


@fn
def flush(place: Hpa) -> None:
    """The cache line of `place` goes to memory."""
    clflush(address_of(phys(WalkedWord, place)))
