from __future__ import annotations

import dataclasses
import re
import sys
from typing import Any

import pytest

from codegen.front.lower import lower_program
from codegen.front.program import TargetInfo
from codegen.ir import nodes as ir
from codegen.ir.show import show_function
from codegen.ir.types import U32, U64
from codegen.ir.verify import BadIr, verify
from codegen.lang import (
    Array,
    Atomic,
    Field,
    Hpa,
    MmioBlock,
    Reg,
    Struct,
    at,
    count,
    fn,
    mmio,
    phys,
    static,
    storage,
    u8,
    u32,
    u64,
)  # fmt: skip


class Ring(Struct, shared=True):
    head: Field[u32]
    data: Array[u8] = count(4)
    tail: Atomic[u32]


class Block(MmioBlock, size=0x100):
    control: Reg[u32] = at(0x10)


RING = storage(Ring)


@fn
def push(byte: u8) -> None:
    RING.data[RING.head & 3] = byte
    RING.tail.store(RING.head)


@fn
def let_go() -> None:
    RING.tail.store_release(7)


@fn
def start(hpa: Hpa) -> u32:
    mmio(Block, hpa).control.write(1)
    return phys(Ring, hpa).head


@fn(unchecked=True)
def wraps(a: u64, b: u64) -> u64:
    if static(True):
        return a + b
    return a // b


def lowered(function: Any) -> ir.Function:
    program, diagnostics = lower_program([function], [sys.modules[__name__]], TargetInfo(physical_base=0x1000_0000))
    assert not diagnostics
    verify(program)
    (made,) = [f for f in program.functions.values() if f.origin is function]
    return made


def body(function: Any) -> str:
    return "\n".join(show_function(lowered(function)).splitlines()[1:])


def test_shared_memory_is_volatile_or_atomic() -> None:
    text = body(push)
    assert text.count("volatile") == 3
    assert "seq_cst" in text
    assert re.search(r"align 4 (volatile )?release\b", body(let_go))


def test_registers_and_ram_are_mapped_at_the_physical_base() -> None:
    assert body(start).splitlines() == [
        "  t.2 = ptr~((hpa.1 +~ 268435456u64)) + 16",
        "  mmio [t.2] = 1u32",
        "  return load u32 align 4 volatile [ptr~((hpa.1 +~ 268435456u64))]",
    ]


def test_unchecked_arithmetic_and_static_branches_leave_no_trace() -> None:
    assert body(wraps) == "  return (a.1 +~ b.2)"


LOC = ir.Loc("x.py", 1)


@pytest.mark.parametrize(
    "statement, why",
    [
        (ir.Return(ir.Const(U32, 1, LOC), LOC), "has type u32, not u64"),
        (ir.Return(None, LOC), "function gives u64"),
        (ir.Evaluate(ir.Const(U32, 1 << 32, LOC), LOC), "constant out of range"),
        (ir.Evaluate(ir.Local(99, "ghost", U64, LOC), LOC), "not declared"),
        (ir.Evaluate(ir.Call("nobody", (), U64, LOC), LOC), "call of unknown nobody"),
        (ir.Evaluate(ir.Symbol("nothing", LOC), LOC), "symbol of no data"),
        (ir.Continue(LOC), "continue of nothing"),
        (ir.Break(LOC, 7), "break of nothing"),
    ],
)
def test_the_verifier_names_the_broken_rule(statement: ir.Stmt, why: str) -> None:
    program = ir.Program()
    program.functions["f"] = dataclasses.replace(lowered(wraps), symbol="f", body=(statement,))
    with pytest.raises(BadIr, match=why):
        verify(program)
