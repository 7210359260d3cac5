"""Hand-made IR for the back end's tests."""

from __future__ import annotations

from codegen.ir import nodes as ir
from codegen.ir.types import BOOL, PTR, U8, U32, U64, VOID, Type

LOC = ir.Loc("source.py", 7, 3)


def const(value: int, type_: Type = U32) -> ir.Const:
    return ir.Const(type_, value, LOC)


def local(number: int, type_: Type = U32, name: str = "") -> ir.Local:
    return ir.Local(number, name or f"x{number}", type_, LOC)


def binary(op: str, left: ir.Expr, right: ir.Expr, check: bool = True, line: int = 7) -> ir.Binary:
    return ir.Binary(op, left, right, left.type, check, ir.Loc("source.py", line))


def assign(target: ir.Local, value: ir.Expr) -> ir.SetLocal:
    return ir.SetLocal(target, value, LOC)


def give(value: ir.Expr) -> ir.Return:
    return ir.Return(value, LOC)


def compare(op: str, left: ir.Expr, right: ir.Expr) -> ir.Compare:
    return ir.Compare(op, left, right, LOC)


def call(symbol: str, type_: Type, *arguments: ir.Expr) -> ir.Call:
    return ir.Call(symbol, arguments, type_, LOC)


def function(
    symbol: str,
    parameters: tuple[ir.Local, ...],
    result: Type,
    *body: ir.Stmt,
    locals: tuple[ir.Local, ...] = (),
    exported: bool = False,
) -> ir.Function:
    return ir.Function(symbol, symbol, parameters, result, body, locals, LOC, exported=exported)


def program(*functions: ir.Function) -> ir.Program:
    return ir.Program(functions={each.symbol: each for each in functions})


def load(address: ir.Expr, type_: Type = U32, volatile: bool = False) -> ir.Load:
    return ir.Load(address, type_, 4, LOC, volatile=volatile)


__all__ = [
    "BOOL", "LOC", "PTR", "U8", "U32", "U64", "VOID", "assign", "binary", "call", "compare", "const", "function",
    "give", "ir", "load", "local", "program",
]  # fmt: skip
