"""Bit structs: reading a field is a shift and a mask, building one is a check, a shift and an or."""

from __future__ import annotations

import ast
from typing import Any

from codegen.front.declared import member
from codegen.front.diagnostics import refuse, suggestion
from codegen.front.enums import checked_member
from codegen.front.function import FunctionLowering
from codegen.front.lowering import stored
from codegen.front.objects import type_of
from codegen.front.registry import method
from codegen.front.structs import exactly
from codegen.front.types import BitsType, BoolType, EnumType, IntType, quoted
from codegen.front.values import Value, constant
from codegen.ir import nodes as ir
from codegen.ir.types import Int

FIT = "value does not fit"


def bit_field(f: FunctionLowering, kind: BitsType, name: str, node: ast.AST) -> Any:
    """The field of this name (codegen.lang.model.BitField)."""
    fields = kind.cls.__bits__.fields
    if name not in fields:
        raise f.refuse_name(f"{quoted(kind)} has no field `{name}`", node, help=suggestion(name, [*fields, "replace"]))
    return fields[name]


def field_type(field: Any) -> IntType | BoolType | EnumType:
    """bool, an integer or an enum."""
    kind = type_of(field.type)
    assert isinstance(kind, IntType | BoolType | EnumType)
    return kind


def read_bits(f: FunctionLowering, base: Value, name: str, node: ast.AST) -> Value:
    """`p.frame`, shifted down."""
    assert isinstance(base.type, BitsType)
    field, whole, loc = bit_field(f, base.type, name, node), base.type.ir, f.loc(node)
    kind = field_type(field)
    code = base.code
    if field.low:
        code = ir.Binary("shr", code, ir.Const(whole, field.low, loc), whole, False, loc)
    if field.high + 1 < whole.bits:
        code = ir.Binary("and", code, ir.Const(whole, (1 << field.width) - 1, loc), whole, False, loc)
    if isinstance(kind, BoolType):
        return Value(kind, ir.Compare("ne", code, ir.Const(whole, 0, loc), loc), loc)
    if kind.ir != whole:
        code = ir.Convert(code, Int(kind.ir.bits), False, loc)
    if kind.ir.signed:
        code = sign_extended(code, kind.ir, field.width, loc)
    if isinstance(kind, EnumType):
        return Value(kind, checked_member(f, code, kind, loc), loc)
    return Value(kind, code, loc)


def sign_extended(code: ir.Expr, kind: Int, width: int, loc: ir.Loc) -> ir.Expr:
    """The low `width` bits as a signed number."""
    code = ir.Convert(code, kind, False, loc)
    unused = kind.bits - width
    if unused == 0:
        return code
    amount = ir.Const(kind, unused, loc)
    return ir.Binary("shr", ir.Binary("shl", code, amount, kind, False, loc), amount, kind, False, loc)


def construct(f: FunctionLowering, kind: BitsType, node: ast.Call) -> Value:
    """`Pte(present=True, ...)`; what is not named is 0."""
    f.program.shapes.of(kind)
    return with_fields(f, kind, constant(kind, 0, f.loc(node)), node)


@method(BitsType, "replace")
def replace(f: FunctionLowering, base: Value, node: ast.Call) -> Value:
    """The same value but for these fields."""
    assert isinstance(base.type, BitsType)
    return with_fields(f, base.type, base, node)


def with_fields(f: FunctionLowering, kind: BitsType, base: Value, node: ast.Call) -> Value:
    """`base` with the fields that the call names."""
    if node.args:
        raise f.refuse(
            f"fields of {quoted(kind)} are named",
            node,
            help=f"`{kind}(name=value)`, or `{kind}.of(...)` of its integer",
        )
    whole, loc = kind.ir, f.loc(node)
    with f.collect() as steps:
        code = f.once(base.code)
        cleared, fixed = 0, 0
        parts: list[ir.Expr] = []
        given = [field_argument(f, kind, keyword) for keyword in node.keywords]
        for field, value in given:
            bits = field_bits(f, kind, field, value, loc)
            cleared |= ((1 << field.width) - 1) << field.low
            if isinstance(bits, ir.Const):
                fixed |= bits.value << field.low
            else:
                parts.append(f.once(placed(bits, whole, field.low, loc)))
    if not isinstance(code, ir.Const):
        kept = ~cleared & ((1 << whole.bits) - 1)
        code = ir.Binary("and", code, ir.Const(whole, kept, loc), whole, False, loc)
        if fixed:
            code = ir.Binary("or", code, ir.Const(whole, fixed, loc), whole, False, loc)
    else:
        code = ir.Const(whole, (code.value & ~cleared) | fixed, loc)
    for part in parts:
        code = ir.Binary("or", code, part, whole, False, loc)
    return f.sequence(steps, Value(kind, code, loc))


def placed(value: ir.Expr, whole: Int, low: int, loc: ir.Loc) -> ir.Expr:
    """The field's bits where they belong."""
    return ir.Binary("shl", value, ir.Const(whole, low, loc), whole, False, loc) if low else value


def field_argument(f: FunctionLowering, kind: BitsType, keyword: ast.keyword) -> tuple[Any, Value]:
    """A field and its value, computed now."""
    if keyword.arg is None:
        raise f.refuse("star arguments are not in the language", keyword)
    field = bit_field(f, kind, keyword.arg, keyword)
    kind_of_field = field_type(field)
    value = stored(
        f, keyword.value, kind_of_field, member(f"field `{field.name}`", kind.cls, field.name, kind_of_field)
    )
    return field, f.once_value(value)


def field_bits(f: FunctionLowering, kind: BitsType, field: Any, value: Value, loc: ir.Loc) -> ir.Expr:
    """A field's value as the low bits of the whole; one that does not fit traps, or is refused when it is constant."""
    wanted = field_type(field)
    whole, code = kind.ir, value.code
    signed = not isinstance(wanted, BoolType) and wanted.ir.signed
    mask = (1 << field.width) - 1
    low, high = (-(mask >> 1) - 1, mask >> 1) if signed else (0, mask)
    if isinstance(code, ir.Const):
        if not low <= code.value <= high:
            raise refuse(f"{code.value} does not fit in the {field.width} bits of `{field.name}`", value.loc)
        return ir.Const(whole, code.value & mask, loc)
    if not isinstance(wanted, BoolType) and field.width < wanted.ir.bits:
        code = f.once(code)
        out_of_range: ir.Expr = ir.Compare("gt", code, ir.Const(wanted.ir, high, loc), loc)
        if signed:
            below = ir.Compare("lt", code, ir.Const(wanted.ir, low, loc), loc)
            out_of_range = ir.Logic("or", out_of_range, below, loc)
        f.emit(ir.If(out_of_range, (ir.Trap(FIT, loc),), (), loc))
    if code.type != whole:
        code = ir.Convert(code, whole, False, loc)
    if signed:
        code = ir.Binary("and", code, ir.Const(whole, mask, loc), whole, False, loc)
    return code


def of(f: FunctionLowering, kind: BitsType, node: ast.Call) -> Value:
    """`Pte.of(x)`."""
    value = stored(f, exactly(f, node, 1)[0], kind.repr, f"the argument of {kind}.of")
    return Value(kind, value.code, f.loc(node))
