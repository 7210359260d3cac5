"""Per-processor data: cells through GS, or an ordinary reference read from the first cell."""

from __future__ import annotations

from typing import Any

from codegen.front.diagnostics import refuse
from codegen.front.function import FunctionLowering
from codegen.front.types import StructType
from codegen.front.values import Value
from codegen.ir import nodes as ir
from codegen.ir.types import PTR, U64
from codegen.lang.percpu import PerCpu


def here(f: FunctionLowering, data: PerCpu[Any], loc: ir.Loc) -> Value:
    """`CPU.here()`: the address that start-up wrote into `self_address`."""
    if f.program.program.per_cpu not in (None, data):
        raise refuse("an image has one per_cpu declaration, and this is the second", loc)
    f.program.program.per_cpu = data
    own = ir.Load(ir.Const(U64, 0, loc), U64, 8, loc, volatile=True, space="gs")
    return Value(StructType(data.element), ir.Convert(own, PTR, False, loc), loc)


def current(f: FunctionLowering, data: PerCpu[Any], loc: ir.Loc) -> Value:
    """`CPU.current`: like `here()`, but plain cells are one instruction."""
    reference = here(f, data, loc)
    return Value(reference.type, reference.expr, loc, gs=True)
