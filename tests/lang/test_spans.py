"""Spans and views of memory are checked at both ends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codegen.lang import (
    Array,
    BadAddress,
    Field,
    Hpa,
    Hva,
    Local,
    Struct,
    Trap,
    address_of,
    count,
    fn,
    host,
    len,
    overlay,
    phys,
    phys_span,
    sizeof,
    span,
    span_at,
    span_of,
    storage,
    u8,
    u16,
    u32,
    u64,
    usize,
    view_at,
)


class Pair(Struct):
    a: Field[u32]
    b: Field[u32]


class Frame(Struct, align=16):
    bytes: Array[u8] = count(32)
    pair: Pair


@given(st.binary(min_size=1, max_size=40), st.integers(0, 45), st.integers(0, 45))
def test_slices_are_inside_or_trap(content: bytes, offset: int, length: int) -> None:
    whole = span(content)
    if offset + length <= content.__len__():
        assert bytes(whole.slice(u32(offset), length)) == content[offset : offset + length]
    else:
        with pytest.raises(Trap, match="slice out of range"):
            whole.slice(offset, u64(length))


def test_bytes_are_read_written_and_compared() -> None:
    ram = phys_span(Hpa(0x2000), 4)
    ram[u8(1)] = u8(0x41)
    ram[2] = 0x42
    assert bytes(ram) == b"\0AB\0" and ram[1] == 0x41 and type(ram[1]) is u8
    assert len(ram) == 4 and type(len(ram)) is usize
    assert ram.equals(span(b"\0AB\0")) and not ram.equals(span(b"\0AB"))
    ram.copy_from(span(b"wxyz"))
    assert f"{ram}" == "wxyz"
    ram.fill(0x20)
    assert bytes(ram) == b"    "
    with pytest.raises(Trap, match="lengths differ"):
        ram.copy_from(span(b"xyz"))
    for index in (4, usize(4)):
        with pytest.raises(Trap, match="index"):
            ram[index] = 0
    with pytest.raises(TypeError):
        ram[0] = u16(1)  # type: ignore[assignment]


def test_views_exist_only_where_they_fit() -> None:
    ram = phys_span(Hpa(0x3000), 12)
    view = ram.view(4, Pair)
    assert view is not None and address_of(view) - ram.address() == 4
    assert ram.view(u64(5), Pair) is None and ram.view(2**63, Pair) is None
    view.a = 0x44434241
    assert bytes(span_of(view).slice(0, 4)) == b"ABCD"


def test_overlays_fit_and_are_aligned() -> None:
    frame = storage(Frame)
    overlay(Pair, frame.bytes).b = 1
    assert frame.bytes[4] == 1
    with pytest.raises(TypeError, match="does not fit"):
        overlay(Frame, frame.pair)


def test_addresses_lead_back() -> None:
    frame = storage(Frame)
    assert view_at(Frame, address_of(frame)) is frame
    assert bytes(span_at(address_of(frame), 3)) == bytes(3)
    with pytest.raises(BadAddress):
        view_at(Frame, Hva(16))


def test_what_is_not_ram_is_not_reached() -> None:
    end = host.memory.size
    phys(Pair, Hpa(end - 8))
    for attempt in (lambda: phys(Pair, Hpa(end - 7)), lambda: phys_span(Hpa(end), 1)):
        with pytest.raises(BadAddress):
            attempt()
    with pytest.raises(TypeError, match="Hpa"):
        phys(Pair, u64(0))  # type: ignore[arg-type]


@fn
def deeper(depth: u32) -> Hva:
    local = Local(Pair)
    local.a = local.a + depth
    assert local.a == depth
    return address_of(local)


@fn
def two_calls() -> bool:
    return deeper(u32(1)) == deeper(u32(2))


def test_locals_are_zero_and_gone_when_the_function_returns() -> None:
    assert two_calls()


def test_ram_is_handed_out_once_and_zeroed_by_reset() -> None:
    first, second = host.memory.allocate(100), host.memory.allocate(100)
    assert u64(first) >= 4096 and second - first == 4096
    host.memory.write(first, b"data")
    assert host.memory.read(first, 5) == b"data\0"
    host.memory.reset()
    assert host.memory.read(first, 4) == bytes(4) and host.memory.allocate(1) == first
    assert sizeof(Pair) == 8
