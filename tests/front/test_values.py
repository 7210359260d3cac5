from __future__ import annotations

import pytest

from codegen.lang import (
    BitStruct,
    Field,
    HwEnum,
    Local,
    Span,
    Struct,
    bit,
    bits,
    fn,
    i8,
    span_of,
    storage,
    u8,
    u16,
    u32,
    u64,
)  # fmt: skip
from tests.front.modes import agree, trapped


class Fault(HwEnum, repr=u32):
    NO_MEMORY = 1
    OUT_OF_RANGE = 2
    FAR = 0xFFFF_FFFF


class Mode(HwEnum, repr=u8):
    OFF = 0
    ON = 1
    AUTO = 3


class Pte(BitStruct, repr=u64):
    present: bool = bit(0)
    writable: bool = bit(1)
    small: i8 = bits(4, 7)
    mode: Mode = bits(8, 9)
    frame: u64 = bits(12, 51)
    top: u16 = bits(52, 63)


class Node(Struct):
    next: Field[Node | None]
    key: Field[u64]
    mode: Field[Mode]
    entry: Field[Pte]


FIRST, SECOND = storage(Node), storage(Node)


@fn
def build(frame: u64, mode: Mode, writable: bool, small: i8) -> Pte:
    return Pte(present=True, frame=frame, mode=mode, writable=writable, small=small)


@fn
def fields(p: Pte) -> tuple[bool, i8, Mode, u64, u16]:
    return p.present, p.small, p.mode, p.frame, p.top


@fn
def replaced(p: Pte, top: u16) -> u64:
    q = p.replace(present=False, top=top, mode=Mode.AUTO)
    if q == p or q != Pte.of(u64(q)):
        return u64(0)
    return u64(q)


@fn
def find(x: u32) -> Fault | None:
    return Fault.find(x)


@fn
def checked(x: u8) -> Mode:
    return Mode.checked(x)


@fn
def number(m: Mode) -> u64:
    return u64(m) + u64(u8(m))


@fn
def alloc(owner: u32) -> u64 | Fault:
    if owner > 4:
        return Fault.NO_MEMORY if owner < 8 else Fault.FAR
    return u64(owner)


@fn
def results(owner: u32) -> u64 | Fault:
    a = alloc(owner)
    if isinstance(a, Fault):
        return a
    b = alloc(owner + 3)
    if not isinstance(b, Fault):
        a += b
    elif b == Fault.NO_MEMORY:
        return Fault.OUT_OF_RANGE
    return a + 1


@fn
def error_or_nothing(x: u32) -> Fault | None:
    e = find(x)
    if e is not None and e != Fault.FAR:
        return e
    if x == 9:
        return Fault.OUT_OF_RANGE
    return None


@fn
def walk(head: Node | None, key: u64) -> Node | None:
    n = head
    while n is not None:
        if n.key == key:
            return n
        n = n.next
    return None


@fn
def linked(key: u64) -> u64:
    FIRST.next = SECOND
    FIRST.key = 5
    SECOND.key = 6
    SECOND.next = None
    found = walk(FIRST, key)
    if found is None:
        return u64(0)
    if found is SECOND:
        return u64(2)
    return found.key if found is not SECOND and found is FIRST else u64(3)


@fn
def optional(n: u32) -> u32:
    best: u32 | None = None
    for_each = n
    while for_each > 0:
        if for_each % 3 == 0:
            best = for_each
        for_each -= 1
    return best if best is not None else u32(99)


@fn
def bad_member() -> Mode:
    return FIRST.mode


@fn
def poke(x: u8) -> u8:
    # The enum's byte lies at offset 16.
    s = bytes_of(FIRST)
    s[16] = x
    return u8(bad_member())


@fn
def bytes_of(n: Node) -> Span:
    return span_of(n)


@fn
def local_struct(n: u64) -> u64:
    total = u64(0)
    while n > 0:
        scratch = Local(Node)
        scratch.key += n
        scratch.entry = Pte(frame=n)
        total += scratch.key + scratch.entry.frame
        n -= 1
    return total


@pytest.mark.parametrize("frame", [0, 5, (1 << 40) - 1, 1 << 40, (1 << 64) - 1])
@pytest.mark.parametrize("small", [-8, 7, 8, -9, -1])
def test_bit_structs_are_built_and_read(frame: int, small: int) -> None:
    result = agree(build, u64(frame), Mode.AUTO, True, i8(small))
    fits = frame < 1 << 40 and -8 <= small <= 7
    assert fits == (result[0] != "trap")
    if fits:
        value = Pte(present=True, frame=u64(frame), small=i8(small), mode=Mode.ON)
        agree(fields, value)
        agree(replaced, value, u16(0xFFF))
        agree(replaced, value, u16(0x1000))


def test_an_unknown_member_traps_where_it_is_read() -> None:
    assert trapped(fields, Pte.of(u64(0x200))) == "unknown value"
    assert trapped(poke, u8(2)) == "unknown value"
    assert agree(poke, u8(3)) == ("u8", "u8(3)")


@pytest.mark.parametrize("x", [0, 1, 2, 3, 9, 0xFFFF_FFFF, 0xFFFF_FFFE])
def test_enums_are_found_checked_and_compared(x: int) -> None:
    agree(find, u32(x))
    agree(error_or_nothing, u32(x))
    agree(checked, u8(x & 0xFF))


def test_enum_numbers_widen() -> None:
    agree(number, Mode.AUTO)


@pytest.mark.parametrize("owner", range(10))
def test_results_carry_a_value_or_an_error(owner: int) -> None:
    agree(results, u32(owner))
    agree(optional, u32(owner))


@pytest.mark.parametrize("key", [5, 6, 7])
def test_nullable_references_are_followed(key: int) -> None:
    agree(linked, u64(key))


def test_a_local_is_zero_each_time() -> None:
    agree(local_struct, u64(4))
