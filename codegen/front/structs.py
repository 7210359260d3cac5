"""Structs and arrays in memory: reading and writing their cells, references, Local, copies."""

from __future__ import annotations

import ast
import sys
from math import gcd
from typing import Any

from codegen.front.build_time import name_help, name_in
from codegen.front.declared import member, member_place
from codegen.front.diagnostics import Wanted, refuse, suggestion
from codegen.front.function import FunctionLowering
from codegen.front.lowering import adopt, lower, stored_value, typed
from codegen.front.objects import type_of
from codegen.front.registry import method, special
from codegen.front.types import (
    HVA,
    LITERAL,
    NONE,
    USIZE,
    ArrayType,
    AtomicType,
    EnumType,
    SpanType,
    StructType,
    Type,
    is_storable,
    is_unsigned,
    quoted,
)  # fmt: skip
from codegen.front.values import Value, constant, literal, number
from codegen.ir import nodes as ir
from codegen.ir.types import PTR, U8, U64


def layout_of(kind: StructType) -> Any:
    """Its build-time description (codegen.lang.model.Layout)."""
    return kind.cls.__layout__


def offset(base: ir.Expr, amount: int, loc: ir.Loc) -> ir.Expr:
    """`base` moved by a constant; nested ones become one."""
    if isinstance(base, ir.Offset):
        return offset(base.base, base.bytes + amount, loc)
    return base if amount == 0 else ir.Offset(base, amount, loc)


def field_info(base: Value, name: str, node: ast.AST, f: FunctionLowering) -> Any:
    """The field of this name, or the error with a suggestion."""
    assert isinstance(base.type, StructType)
    layout = layout_of(base.type)
    info = layout.fields.get(name)
    if info is None:
        raise f.refuse_name(
            f"{quoted(base.type)} has no field `{name}`",
            node,
            help=suggestion(name, [*layout.fields, *vars(base.type.cls)]),
        )
    return info


def cell_type(cls: Any, info: Any, loc: ir.Loc) -> Type:
    """The front end's type of a field's content."""
    try:
        kind = type_of(info.type)
    except NameError as error:
        advice = name_help(error.name or "", vars(sys.modules[cls.__module__]))
        place = declared_at(cls, info.name, loc)
        where = name_in(place, error.name or "") or place
        raise refuse(f"unknown name `{error.name}`", where, help=advice) from error
    except TypeError as error:
        raise refuse(f"field `{info.name}` has no type: {error}", declared_at(cls, info.name, loc)) from error
    if kind is None or not is_storable(kind):
        message = f"field `{info.name}` has a type that memory cannot hold: `{info.type}`"
        raise refuse(message, declared_at(cls, info.name, loc))
    if info.kind in ("field", "atomic") and size_of_cell(kind) != info.size:
        message = f"field `{info.name}`: {quoted(kind)} is declared further down; only structs may be"
        raise refuse(message, declared_at(cls, info.name, loc))
    return kind


def declared_at(cls: Any, name: str, loc: ir.Loc) -> ir.Loc:
    """The annotation of a field, or else where the field is used."""
    return member_place(cls, name, lambda node: node.annotation) or loc


def read_field(f: FunctionLowering, base: Value, name: str, node: ast.AST) -> Value:
    """`s.field`: a load, or the place of an embedded struct, array or atomic."""
    info = field_info(base, name, node, f)
    assert isinstance(base.type, StructType)
    layout, loc = layout_of(base.type), f.loc(node)
    kind = cell_type(base.type.cls, info, loc)
    address = offset(base.code, info.offset, loc)
    align = gcd(layout.align, info.offset) if info.offset else layout.align
    if info.kind == "embedded":
        return Value(kind, address, loc)
    if info.kind == "array":
        return Value(ArrayType(kind, info.count, info.stride, align, layout.shared), address, loc)
    if info.kind == "atomic":
        return Value(AtomicType(kind), address, loc)
    if base.gs:
        return per_cpu_load(f, kind, info.offset, align, loc)
    return load(f, address, kind, align, layout.shared, loc)


def per_cpu_load(f: FunctionLowering, kind: Type, where: int, align: int, loc: ir.Loc) -> Value:
    """A cell of this processor's data, through GS."""
    place = ir.Const(U64, where, loc)
    code: ir.Expr = ir.Load(place, kind.ir, min(align, size_of_cell(kind)), loc, volatile=True, space="gs")
    if isinstance(kind, EnumType):
        from codegen.front.enums import checked_member

        code = checked_member(f, code, kind, loc)
    return Value(kind, code, loc)


def load(f: FunctionLowering, address: ir.Expr, kind: Type, align: int, shared: bool, loc: ir.Loc) -> Value:
    """The content of a cell. An enum's number is checked, as CPython does."""
    align = min(align, size_of_cell(kind))
    code: ir.Expr = ir.Load(address, kind.ir, align, loc, volatile=shared)
    if isinstance(kind, EnumType):
        from codegen.front.enums import checked_member

        code = checked_member(f, code, kind, loc)
    return Value(kind, code, loc)


def size_of_cell(kind: Type) -> int:
    """Bytes in memory."""
    if kind.ir == PTR:
        return 8
    bits = getattr(kind.ir, "bits", 8)
    return max(1, int(bits) // 8)


def write_field(f: FunctionLowering, base: Value, name: str, value: Value, node: ast.AST) -> None:
    """`s.field = value`; `value` has been computed before `base`, as in Python."""
    info = field_info(base, name, node, f)
    assert isinstance(base.type, StructType)
    layout, loc = layout_of(base.type), f.loc(node)
    kind = cell_type(base.type.cls, info, loc)
    if info.kind == "embedded":
        raise f.refuse_name(
            f"`{name}` is a struct inside {quoted(base.type)}", node, help=f"write `{ast.unparse(node)}.copy_from(...)`"
        )
    if info.kind == "array":
        raise f.refuse_name(f"`{name}` is an array", node, help="assign its elements")
    if info.kind == "atomic":
        raise f.refuse_name(f"`{name}` is atomic", node, help=f"write `{ast.unparse(node)}.store(...)`")
    align = gcd(layout.align, info.offset) if info.offset else layout.align
    what = member(f"field `{name}`", base.type.cls, name, kind)
    if base.gs:
        value = stored_value(f, value, kind, what)
        place = ir.Const(U64, info.offset, loc)
        f.emit(ir.Store(place, value.code, min(align, size_of_cell(kind)), loc, volatile=True, space="gs"))
        return
    store(f, offset(base.code, info.offset, loc), kind, value, align, layout.shared, what, loc)


def store(
    f: FunctionLowering,
    address: ir.Expr,
    kind: Type,
    value: Value,
    align: int,
    shared: bool,
    what: str | Wanted,
    loc: ir.Loc,
) -> None:
    """Writes a cell."""
    value = stored_value(f, value, kind, what)
    if value.on_stack:
        raise refuse("a `Local` lives only as long as its function: it cannot be stored", value.loc)
    f.emit(ir.Store(address, value.code, min(align, size_of_cell(kind)), loc, volatile=shared))


def index_value(f: FunctionLowering, node: ast.expr, what: str = "an index") -> Value:
    """An unsigned integer; an untyped number is a usize."""
    if isinstance(node, ast.Slice):
        raise f.refuse("slices are not in the language", node, help="use `span.slice(offset, length)`")
    return index_of(f, lower(f, node), node, what)


def index_of(f: FunctionLowering, value: Value, node: ast.expr, what: str) -> Value:
    """A value as an index."""
    if value.type == LITERAL:
        return adopt(value, USIZE)
    if not is_unsigned(value.type):
        raise f.refuse(f"{what} is of an unsigned type, not {quoted(value.type)}", node)
    return value


def element_address(f: FunctionLowering, array: Value, index: Value, loc: ir.Loc) -> tuple[ir.Expr, int]:
    """Address and alignment of an element; the index is checked here where it is known, else when running."""
    kind = array.type
    assert isinstance(kind, ArrayType)
    if isinstance(index.expr, ir.Const):
        if index.expr.value >= kind.count:
            raise refuse(f"index {index.expr.value} is outside the array of {kind.count}", index.loc)
        where = index.expr.value * kind.stride
        return offset(array.code, where, loc), gcd(kind.align, where) if where else kind.align
    index_type = index.code.type
    high = (1 << getattr(index_type, "bits", 64)) - 1
    count = ir.Const(index_type, kind.count, loc) if kind.count <= high else None
    return ir.Index(array.code, index.code, kind.stride, count, loc), gcd(kind.align, kind.stride)


def read_element(f: FunctionLowering, array: Value, index: Value, node: ast.AST) -> Value:
    """`array[i]`: a load, or a reference to the struct there."""
    kind, loc = array.type, f.loc(node)
    assert isinstance(kind, ArrayType)
    address, align = element_address(f, array, index, loc)
    if isinstance(kind.item, StructType):
        return Value(kind.item, address, loc)
    return load(f, address, kind.item, align, kind.shared, loc)


def write_element(f: FunctionLowering, array: Value, index: Value, value: Value, node: ast.AST) -> None:
    """`array[i] = value`."""
    kind, loc = array.type, f.loc(node)
    assert isinstance(kind, ArrayType)
    if kind.constant:
        raise f.refuse("a table is read-only", node)
    if isinstance(kind.item, StructType):
        raise f.refuse("structs are not assigned", node, help=f"write `{ast.unparse(node)}.copy_from(...)`")
    address, align = element_address(f, array, index, loc)
    store(f, address, kind.item, value, align, kind.shared, "an element", loc)


@method(StructType, "copy_from")
def copy_from(f: FunctionLowering, base: Value, node: ast.Call) -> Value:
    """All bytes of another struct of this type; views of one span may overlap."""
    assert isinstance(base.type, StructType)
    [argument] = exactly(f, node, 1)
    target = f.once(base.code)
    source = typed(f, argument, base.type, "the argument")
    size = number(layout_of(base.type).size, U64, f.loc(node))
    f.emit(ir.MemoryCopy(target, source.code, size, f.loc(node), True))
    return Value(NONE, None, f.loc(node))


@method(StructType, "zero")
def zero(f: FunctionLowering, base: Value, node: ast.Call) -> Value:
    """All bytes 0."""
    assert isinstance(base.type, StructType)
    exactly(f, node, 0)
    loc = f.loc(node)
    f.emit(ir.MemoryFill(base.code, number(0, U8, loc), number(layout_of(base.type).size, U64, loc), loc))
    return Value(NONE, None, loc)


def exactly(f: FunctionLowering, node: ast.Call, count: int) -> list[ast.expr]:
    """Positional arguments only, this many."""
    if node.keywords or len(node.args) != count:
        name = ast.unparse(node.func)
        raise f.refuse(f"{name} takes {count} positional argument{'' if count == 1 else 's'}", node)
    return node.args


def struct_argument(f: FunctionLowering, node: ast.expr) -> StructType:
    """An argument that names a struct class."""
    kind = type_of(lower(f, node).static)
    if not isinstance(kind, StructType):
        raise f.refuse("a Struct class belongs here", node)
    return kind


@special("Local")
def local_struct(f: FunctionLowering, node: ast.Call, expected: Type | None) -> Value:
    """`Local(T)`: zeroed memory of this call, one place for all rounds of a loop, also of an unrolled one."""
    kind = struct_argument(f, exactly(f, node, 1)[0])
    layout, loc = layout_of(kind), f.loc(node)
    slot = f.slots.get((node, kind.cls))
    if slot is None:
        slot = f.slots[node, kind.cls] = ir.StackSlot(
            f.next_number(), str(kind), layout.size, max(layout.align, 1), loc
        )
    clear = ir.MemoryFill(slot, number(0, U8, loc), number(layout.size, U64, loc), loc)
    return Value(kind, ir.Sequence((clear,), slot, PTR, loc), loc, on_stack=True)


@special("address_of")
def address_of(f: FunctionLowering, node: ast.Call, expected: Type | None) -> Value:
    """Where a struct or array is."""
    value = lower(f, exactly(f, node, 1)[0])
    if not isinstance(value.type, StructType | ArrayType | AtomicType):
        raise f.refuse(f"address_of takes a struct, not {quoted(value.type)}", node)
    return Value(HVA, ir.Convert(value.code, U64, False, f.loc(node)), f.loc(node))


@special("sizeof")
def sizeof(f: FunctionLowering, node: ast.Call, expected: Type | None) -> Value:
    """Bytes, as an untyped number."""
    argument = exactly(f, node, 1)[0]
    thing = lower(f, argument).static
    kind = type_of(thing)
    if isinstance(kind, StructType):
        return literal(layout_of(kind).size, f.loc(node))
    if kind is None or not is_storable(kind):
        raise f.refuse("sizeof takes a type", argument)
    return literal(size_of_cell(kind), f.loc(node))


@special("len")
def length(f: FunctionLowering, node: ast.Call, expected: Type | None) -> Value:
    """Of a span: a usize; of an array or a build-time sequence: an untyped number."""
    value = lower(f, exactly(f, node, 1)[0])
    loc = f.loc(node)
    if isinstance(value.type, ArrayType):
        return literal(value.type.count, loc)
    if isinstance(value.type, SpanType):
        if isinstance(value.static, bytes):
            return constant(USIZE, len(value.static), loc)
        return Value(USIZE, ir.Extract(value.code, 1, U64, loc), loc)
    if value.is_static and not isinstance(value.static, type) and hasattr(value.static, "__len__"):
        return literal(len(value.static), loc)
    raise f.refuse(f"{quoted(value.type)} has no length", node)


def as_u64(f: FunctionLowering, node: ast.expr, what: str) -> ir.Expr:
    """An unsigned amount widened to 64 bits; an untyped number is welcome."""
    value = index_value(f, node, what)
    return value.code if value.code.type == U64 else ir.Convert(value.code, U64, False, value.loc)
