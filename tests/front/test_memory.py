from __future__ import annotations

import pytest

from codegen.lang import (
    Array,
    Atomic,
    Field,
    Gpa,
    Hpa,
    Hva,
    Struct,
    address_of,
    at,
    count,
    fn,
    init,
    len,
    overlay,
    per_cpu,
    phys,
    phys_span,
    range,
    sizeof,
    span_at,
    span_of,
    storage,
    storage_array,
    table,
    u8,
    u16,
    u32,
    u64,
    usize,
    view_at,
)  # fmt: skip
from tests.front.modes import agree, trapped


class Inner(Struct):
    low: Field[u8]
    word: Field[u32]


class Outer(Struct, size=64, align=16):
    flag: Field[bool] = at(0)
    inner: Inner = at(4)
    bytes: Array[u8] = at(16, count=16)
    pairs: Array[Inner] = at(32, count=3)
    link: Field[Outer | None] = at(56)


class Packed(Struct, size=7, align=1):
    tag: Field[u8] = at(0)
    size: Field[u32] = at(1)
    port: Field[u16] = at(5)


class Shared(Struct, shared=True):
    head: Field[u32]
    ring: Array[u16] = count(4)
    hits: Atomic[u64]


class Leaf(Struct):
    leaf: Field[u32]
    values: Array[u16] = count(2)
    owner: Field[Outer | None]


class Cpu(Struct):
    self_address: Field[Hva]
    depth: Field[u32]
    scratch: Array[u32] = count(4)
    hits: Atomic[u32]

    @fn
    def deeper(self, by: u32) -> u32:
        self.depth += by
        return self.depth


ONE, TWO = storage(Outer), storage(Outer)
SHARED = storage(Shared)
POOL = storage_array(Inner, 5)
PRIMES = table(u16, [2, 3, 5, 7, 11])
LEAVES = table(Leaf, [init(Leaf, leaf=1, values=[7, 8]), init(Leaf, leaf=2, owner=TWO)])
NAME = b"keelback"
CPU = per_cpu(Cpu)


@fn
def cells(i: u32, v: u8) -> u32:
    ONE.flag = not ONE.flag
    ONE.inner.word = 0x1234
    ONE.inner.word |= 3
    ONE.bytes[i] = v
    ONE.bytes[3] += 1
    ONE.pairs[i % 3].word = u32(v) << 8
    ONE.link = TWO
    TWO.copy_from(ONE)
    ONE.zero()
    link = TWO.link
    if link is None:
        return u32(0)
    return link.pairs[i % 3].word + u32(link.bytes[i]) + u32(u8(link.flag))


@fn
def tables(i: u16) -> u32:
    leaf = LEAVES[i & 1]
    owner = leaf.owner
    if owner is not None:
        owner.inner.low = 9
    return u32(PRIMES[i]) + leaf.leaf + u32(leaf.values[1]) + u32(len(PRIMES))


@fn
def pool(i: u8) -> u32:
    for n in range(len(POOL)):
        POOL[n].word = u32(n) * 3
    a, b = POOL[i], POOL[0]
    return a.word if a is not b else u32(77)


@fn
def atomics(n: u64) -> tuple[u64, u64, bool, u64]:
    SHARED.hits.store(n + 1)
    SHARED.hits.store_release(SHARED.hits.load() - 1)
    first = SHARED.hits.fetch_add(5)
    SHARED.hits.fetch_or(8)
    SHARED.hits.fetch_and(~u64(0x10))
    swapped = SHARED.hits.compare_exchange(n, 3)
    old = SHARED.hits.exchange(9)
    SHARED.ring[SHARED.head & 3] = u16.trunc(SHARED.hits.load())
    SHARED.head += 1
    return first, old, swapped, SHARED.hits.fetch_sub(10)


@fn
def spans(offset: u32, length: usize) -> u64:
    whole = span_of(ONE)
    whole.fill(7)
    part = whole.slice(offset, length)
    part.fill(0x55)
    part[0] = u8(len(NAME) & 0xFF)
    whole.slice(1, 8).copy_from(whole.slice(0, 8))
    whole.slice(32, 8).copy_from(NAME)
    total = u64(0)
    for i in range(len(whole)):
        total += u64(whole[i]) * u64(i)
    return total + u64(part[length - 1])


@fn
def compared(offset: u32) -> tuple[bool, bool, u64]:
    whole = span_of(ONE)
    whole.slice(offset, 8).copy_from(b"keelback")
    same = whole.slice(8, 8).equals(NAME)
    view = whole.view(offset, Packed)
    if view is None:
        return same, False, whole.address() - address_of(ONE)
    return same, view.size == 0x6C65656B, u64(view.port)


@fn
def lengths_differ() -> None:
    span_of(ONE).copy_from(NAME)


@fn
def physical(hpa: Hpa, n: u64) -> u64:
    outer = phys(Outer, hpa)
    outer.inner.word = u32.trunc(n)
    view_at(Outer, address_of(outer)).bytes[2] = 8
    raw = overlay(Inner, outer.bytes)
    raw.word = 5
    bytes = phys_span(hpa, 64)
    again = span_at(bytes.address(), n & 63)
    total = u64(len(again))
    for i in range(len(bytes)):
        total += u64(bytes[i])
    return total


@fn
def packed(hpa: Hpa) -> u32:
    p = phys(Packed, hpa + 1)
    p.size = 0x11223344
    p.port += 2
    return p.size + u32(p.port)


@fn
def own(n: u32) -> u32:
    CPU.current.depth = n
    CPU.current.depth += 1
    CPU.current.scratch[n & 3] = 9
    CPU.current.hits.fetch_add(1)
    here = CPU.here()
    return here.depth + CPU.current.deeper(n) + here.scratch[n & 3]


@fn
def constants() -> tuple[u64, u32]:
    return u64(sizeof(Outer) + Outer.pairs.offset + Outer.inner.word.offset), u32(sizeof(u16))


@fn
def guest(gpa: Gpa) -> Gpa:
    return gpa + sizeof(Outer)


@pytest.mark.parametrize("i", [0, 3, 15, 16])
def test_cells_are_read_and_written(i: int) -> None:
    assert (agree(cells, u32(i), u8(200))[0] == "trap") == (i == 16)


@pytest.mark.parametrize("i", [0, 1, 4, 5, 65535])
def test_tables_are_read(i: int) -> None:
    assert (agree(tables, u16(i))[0] == "trap") == (i > 4)


@pytest.mark.parametrize("i", [0, 4, 5])
def test_elements_of_struct_arrays_are_references(i: int) -> None:
    agree(pool, u8(i))


@pytest.mark.parametrize("n", [0, 3, (1 << 64) - 1, (1 << 64) - 6])
def test_atomics_agree(n: int) -> None:
    agree(atomics, u64(n))


SLICES = [(0, 64), (0, 1), (60, 4), (60, 5), (64, 0), (65, 0), (0, 2**64 - 1), (9, 3)]


@pytest.mark.parametrize("offset, length", SLICES)
def test_spans_are_checked(offset: int, length: int) -> None:
    agree(spans, u32(offset), usize(length))


@pytest.mark.parametrize("offset", [0, 8, 56, 57, 2**32 - 1])
def test_spans_are_compared_and_viewed(offset: int) -> None:
    agree(compared, u32(offset))


def test_copies_of_other_lengths_trap() -> None:
    assert trapped(lengths_differ) == "lengths differ"


def test_physical_memory_is_seen_through_the_direct_map() -> None:
    agree(physical, Hpa(0x1000), u64(0x23))
    agree(packed, Hpa(0x2000))


@pytest.mark.parametrize("n", [0, 5])
def test_per_processor_data(n: int) -> None:
    agree(own, u32(n))


def test_layout_constants_are_numbers() -> None:
    agree(constants)
    agree(guest, Gpa(1))
