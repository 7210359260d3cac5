"""Device registers: explicit reads and writes of the declared width, checked against their access."""

from __future__ import annotations

import ast
from typing import Any

from codegen.front.declared import access, member
from codegen.front.diagnostics import refuse, suggestion
from codegen.front.enums import checked_member
from codegen.front.function import FunctionLowering
from codegen.front.lowering import stored
from codegen.front.objects import type_of
from codegen.front.registry import method
from codegen.front.structs import exactly, offset
from codegen.front.types import NONE, BlockType, BoolType, EnumType, RegisterType, quoted
from codegen.front.values import Value
from codegen.ir import nodes as ir
from codegen.ir.types import BOOL, U16, Int


def register(f: FunctionLowering, base: Value, name: str, node: ast.AST) -> Value:
    """`block.register`: its place."""
    assert isinstance(base.type, BlockType)
    registers: dict[str, Any] = base.type.cls.__registers__
    info = registers.get(name)
    if info is None:
        raise f.refuse_name(f"{quoted(base.type)} has no register `{name}`", node, help=suggestion(name, registers))
    item, loc = type_of(info.type), f.loc(node)
    assert item is not None, "the class statement takes no other types"
    kind = RegisterType(
        item, info.access, base.type.ports, base.type.cls, name, info.count if info.array else None, info.stride
    )
    return Value(kind, moved(base.code, info.offset, base.type.ports, loc), loc)


def moved(base: ir.Expr, amount: int, ports: bool, loc: ir.Loc) -> ir.Expr:
    """A register's place in its block."""
    if not ports:
        return offset(base, amount, loc)
    if isinstance(base, ir.Const):
        return ir.Const(U16, base.value + amount & 0xFFFF, loc)
    return ir.Binary("add", base, ir.Const(U16, amount, loc), U16, False, loc) if amount else base


def read_register_array(f: FunctionLowering, base: Value, index: Value, node: ast.AST) -> Value:
    """`block.array[i]`: the place of one of several registers, index checked."""
    kind, loc = base.type, f.loc(node)
    assert isinstance(kind, RegisterType)
    if kind.count is None:
        raise f.refuse(f"`{kind.name}` is a single register", node)
    single = RegisterType(kind.item, kind.access, kind.ports, kind.block, kind.register)
    if isinstance(index.expr, ir.Const):
        if index.expr.value >= kind.count:
            raise refuse(f"index {index.expr.value} is outside the array of {kind.count}", index.loc)
        return Value(single, moved(base.code, index.expr.value * kind.stride, kind.ports, loc), loc)
    index_type = index.code.type
    assert isinstance(index_type, Int)
    bound = ir.Const(index_type, kind.count, loc) if kind.count < 1 << index_type.bits else None
    if not kind.ports:
        return Value(single, ir.Index(base.code, index.code, kind.stride, bound, loc), loc)
    with f.collect() as steps:
        place = f.once(base.code)
        number = f.once(index.code)
        if bound is not None:
            f.emit(ir.If(ir.Compare("ge", number, bound, loc), (ir.Trap("index out of range", loc),), (), loc))
    narrow = number if index_type == U16 else ir.Convert(number, U16, False, loc)
    step = ir.Binary("mul", narrow, ir.Const(U16, kind.stride, loc), U16, False, loc)
    return f.sequence(steps, Value(single, ir.Binary("add", place, step, U16, False, loc), loc))


def single(f: FunctionLowering, base: Value, node: ast.Call, missing: str) -> RegisterType:
    """The register of a read or write, whose access allows it."""
    kind = base.type
    assert isinstance(kind, RegisterType)
    if kind.count is not None:
        raise f.refuse(f"`{kind.name}` is an array of registers", node.func, help="index it first")
    if kind.access == missing:
        message = f"`{kind.name}` is {'write' if missing == 'WO' else 'read'}-only"
        raise f.refuse_name(message, node.func, *access(kind.block, kind.register))
    return kind


@method(RegisterType, "read")
def read(f: FunctionLowering, base: Value, node: ast.Call) -> Value:
    """One access of the declared width."""
    kind, loc = single(f, base, node, "WO"), f.loc(node)
    exactly(f, node, 0)
    whole = cell(kind)
    code: ir.Expr = ir.PortRead(base.code, whole, loc) if kind.ports else ir.MmioRead(base.code, whole, loc)
    if isinstance(kind.item, BoolType):
        code = ir.Compare("ne", code, ir.Const(whole, 0, loc), loc)
    if isinstance(kind.item, EnumType):
        code = checked_member(f, code, kind.item, loc)
    return Value(kind.item, code, loc)


def cell(kind: RegisterType) -> Int:
    """What is transferred."""
    return (
        Int(8)
        if kind.item.ir == BOOL
        else Int(getattr(kind.item.ir, "bits", 64), getattr(kind.item.ir, "signed", False))
    )


@method(RegisterType, "write")
def write(f: FunctionLowering, base: Value, node: ast.Call) -> Value:
    """One access of the declared width."""
    kind, loc = single(f, base, node, "RO"), f.loc(node)
    place = f.once(base.code)
    written = member(f"the value of `{kind.name}`", kind.block, kind.register, kind.item)
    value = stored(f, exactly(f, node, 1)[0], kind.item, written).code
    if value.type != cell(kind):
        value = ir.Convert(value, cell(kind), False, loc)
    if kind.ports:
        f.emit(ir.PortWrite(place, value, loc))
    else:
        f.emit(ir.MmioWrite(place, value, loc))
    return Value(NONE, None, loc)
