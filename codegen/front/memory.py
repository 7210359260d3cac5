"""Views of memory: physical and virtual addresses, overlays, and where a check stands."""

from __future__ import annotations

import ast

from codegen.front.function import FunctionLowering
from codegen.front.lowering import lower, typed
from codegen.front.objects import type_of
from codegen.front.program import physical
from codegen.front.registry import special
from codegen.front.structs import as_u64, exactly, layout_of, struct_argument
from codegen.front.types import (
    HPA,
    HVA,
    SPAN_TYPE,
    TRAP_SITE,
    U16T,
    U32T,
    ArrayType,
    BlockType,
    SpanType,
    StructType,
    Type,
    quoted,
)  # fmt: skip
from codegen.front.values import Value
from codegen.ir import nodes as ir
from codegen.ir.types import PTR, SPAN, U32, U64


@special("phys")
def phys(f: FunctionLowering, node: ast.Call, expected: Type | None) -> Value:
    """`phys(T, hpa) -> T`."""
    kind_node, place = exactly(f, node, 2)
    kind = struct_argument(f, kind_node)
    return Value(kind, physical(f.program, typed(f, place, HPA, "the address"), f.loc(node)), f.loc(node))


@special("phys_span")
def phys_span(f: FunctionLowering, node: ast.Call, expected: Type | None) -> Value:
    """`phys_span(hpa, length)`."""
    place, length = exactly(f, node, 2)
    address = physical(f.program, typed(f, place, HPA, "the address"), f.loc(node))
    return span(address, as_u64(f, length, "a length"), f.loc(node))


def span(address: ir.Expr, length: ir.Expr, loc: ir.Loc) -> Value:
    """Address and length."""
    return Value(SPAN_TYPE, ir.MakeAggregate((address, length), SPAN, loc), loc)


@special("view_at")
def view_at(f: FunctionLowering, node: ast.Call, expected: Type | None) -> Value:
    """`view_at(T, hva) -> T`."""
    kind_node, place = exactly(f, node, 2)
    kind = struct_argument(f, kind_node)
    return Value(kind, pointer(typed(f, place, HVA, "the address")), f.loc(node))


@special("span_at")
def span_at(f: FunctionLowering, node: ast.Call, expected: Type | None) -> Value:
    """`span_at(hva, length)`."""
    place, length = exactly(f, node, 2)
    return span(pointer(typed(f, place, HVA, "the address")), as_u64(f, length, "a length"), f.loc(node))


def pointer(address: Value) -> ir.Expr:
    """A virtual address as a pointer."""
    return ir.Convert(address.code, PTR, False, address.loc)


@special("overlay")
def overlay(f: FunctionLowering, node: ast.Call, expected: Type | None) -> Value:
    """`overlay(T, cell) -> T`: a byte array or an embedded struct seen as T; size and alignment are checked now."""
    kind_node, cell_node = exactly(f, node, 2)
    kind = struct_argument(f, kind_node)
    cell, layout = lower(f, cell_node), layout_of(kind)
    if isinstance(cell.type, ArrayType):
        size, align = cell.type.stride * cell.type.count, cell.type.align
    elif isinstance(cell.type, StructType):
        size, align = layout_of(cell.type).size, layout_of(cell.type).align
    else:
        raise f.refuse(f"an overlay lies over an array or a struct, not {quoted(cell.type)}", cell_node)
    if layout.size > size or align % layout.align:
        raise f.refuse(
            f"{quoted(kind)} ({layout.size} bytes, align {layout.align}) does not fit {size} bytes, align {align}", node
        )
    return Value(kind, cell.code, f.loc(node), on_stack=cell.on_stack)


@special("span_of")
def span_of(f: FunctionLowering, node: ast.Call, expected: Type | None) -> Value:
    """`span_of(struct)`."""
    value = lower(f, exactly(f, node, 1)[0])
    if isinstance(value.type, StructType):
        size = layout_of(value.type).size
    elif isinstance(value.type, ArrayType):
        size = value.type.stride * value.type.count
    else:
        raise f.refuse(f"span_of takes a struct, not {quoted(value.type)}", node)
    return span(value.code, ir.Const(U64, size, f.loc(node)), f.loc(node))


@special("span")
def span_literal(f: FunctionLowering, node: ast.Call, expected: Type | None) -> Value:
    """`span(b"...")`: for type checkers, which do not take bytes for a Span."""
    value = lower(f, exactly(f, node, 1)[0])
    if not isinstance(value.type, SpanType):
        raise f.refuse(f"span takes bytes, not {quoted(value.type)}", node)
    return Value(value.type, value.expr, f.loc(node))


@special("mmio")
def mmio(f: FunctionLowering, node: ast.Call, expected: Type | None) -> Value:
    """`mmio(Lapic, hpa)`."""
    block_node, place = exactly(f, node, 2)
    kind = block_argument(f, block_node, ports=False)
    address = typed(f, place, HPA, "the address")
    return Value(kind, f.program.device_address(address.code, f.loc(node)), f.loc(node))


@special("ports")
def ports(f: FunctionLowering, node: ast.Call, expected: Type | None) -> Value:
    """`ports(Ns16550, u16(0x3F8))`."""
    block_node, place = exactly(f, node, 2)
    kind = block_argument(f, block_node, ports=True)
    return Value(kind, typed(f, place, U16T, "the port").code, f.loc(node))


def block_argument(f: FunctionLowering, node: ast.expr, ports: bool) -> BlockType:
    """A class of registers."""
    kind = type_of(lower(f, node).static)
    if not isinstance(kind, BlockType) or kind.ports != ports:
        raise f.refuse(f"{'a PortBlock' if ports else 'an MmioBlock'} belongs here", node)
    return kind


@special("trap_site")
def trap_site(f: FunctionLowering, node: ast.Call, expected: Type | None) -> Value:
    """`trap_site(site)`: file, line and kind of a check."""
    return Value(TRAP_SITE, typed(f, exactly(f, node, 1)[0], U32T, "the site").code, f.loc(node))


def read_site(f: FunctionLowering, base: Value, name: str, node: ast.AST) -> Value:
    """A part of a trap site, from the back end's table."""
    loc = f.loc(node)
    if name == "line":
        return Value(U32T, ir.Call("trap_site_line", (base.code,), U32, loc), loc)
    if name in ("file", "kind"):
        return Value(SPAN_TYPE, ir.Call(f"trap_site_{name}", (base.code,), SPAN, loc), loc)
    raise f.refuse_name(f"a trap site has file, line and kind, no `{name}`", node)
