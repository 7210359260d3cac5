"""The whole program while it is built: what has been reached, the symbol of everything, static memory as data."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from codegen.front.declared import annotation_place, wrong_signature
from codegen.front.diagnostics import Diagnostic, Label, Refused, refuse
from codegen.front.objects import class_type, integer, type_of
from codegen.front.shapes import Shapes
from codegen.front.source import definition, shown_path
from codegen.front.symbols import Symbols
from codegen.front.types import (
    BOOLEAN,
    HPA,
    NEVER,
    NONE,
    SPAN_TYPE,
    ArrayType,
    BlockType,
    EnumType,
    StructType,
    Type,
)  # fmt: skip
from codegen.front.values import Value, build_time, constant, literal
from codegen.ir import nodes as ir
from codegen.ir.types import PTR, SPAN, U64
from codegen.lang import memory
from codegen.lang.addresses import Address
from codegen.lang.bits import BitStruct
from codegen.lang.blocks import Block
from codegen.lang.cells import Array
from codegen.lang.enums import HwEnum
from codegen.lang.ints import Integer
from codegen.lang.routines import ContractFn, Fn, IntrinsicFn, Routine, StubFn
from codegen.lang.spans import Span, rodata
from codegen.lang.statics import Static, static_of
from codegen.lang.storage import references
from codegen.lang.structs import Struct
from codegen.lang.tables import FnTable


@dataclass(frozen=True, slots=True)
class TargetInfo:
    """`physical_base`: virtual address of physical address 0 in the direct map; `mmio_base`: the same for devices.

    `assemble` makes a Stub of a StubFn.
    """

    pointer_bits: int = 64
    physical_base: int = 0
    mmio_base: int | None = None
    assemble: Callable[[StubFn], ir.Stub] | None = None


def host_target() -> TargetInfo:
    """The process that runs the build or the tests: its arena is the RAM, devices are asked by physical address."""
    return TargetInfo(64, memory.physical.start, 0)


@dataclass(frozen=True, slots=True)
class Callee:
    """What a caller needs to know."""

    symbol: str
    name: str
    parameters: tuple[tuple[str, Type], ...]
    result: Type
    loc: ir.Loc


@dataclass(slots=True)
class ProgramLowering:
    """`queue` holds functions that are called but not lowered yet; `calls` is the call graph by symbols; `entered` is
    static memory whose own references are being followed."""

    target: TargetInfo
    modules: tuple[ModuleType, ...] = ()
    program: ir.Program = field(default_factory=ir.Program)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    queue: list[tuple[Fn, str]] = field(default_factory=list)
    calls: dict[str, list[tuple[str, ir.Loc]]] = field(default_factory=dict)
    callees: dict[int, Callee] = field(default_factory=dict)
    provided: dict[int, Fn] = field(default_factory=dict)
    exported: dict[str, Fn] = field(default_factory=dict)
    entered: set[str] = field(default_factory=set)
    symbols: Symbols = field(init=False)
    shapes: Shapes = field(init=False)

    def __post_init__(self) -> None:
        self.symbols = Symbols(self.modules, self.provided, self.exported)
        self.shapes = Shapes(self.program.shapes, self.program.described, self.modules)

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Records an error and goes on."""
        try:
            yield
        except Refused as refused:
            self.diagnostics.append(refused.diagnostic)

    # ---- functions

    def callee(self, routine: Routine, loc: ir.Loc) -> Callee:
        """The symbol and signature; queues a function at its first use."""
        if isinstance(routine, ContractFn):
            found = self.provided.get(id(routine))
            if found is None:
                declared = Label(place_of(routine), "the contract is declared here")
                raise refuse(f"no module of this image implements the contract {routine.name}", loc, declared)
            routine = found
        known = self.callees.get(id(routine))
        return known if known is not None else self.new_callee(routine, loc)

    def new_callee(self, routine: Routine, loc: ir.Loc) -> Callee:
        """A function, intrinsic or stub that is reached for the first time."""
        try:
            signature = routine.signature()
        except (TypeError, NameError) as error:
            raise wrong_signature(routine, error, place_of(routine)) from error
        parameters = tuple((p.name, self.signature_type(p.type, routine, p.name)) for p in signature.parameters)
        result = self.signature_type(signature.result, routine, "return")
        symbol = self.symbols.of_routine(routine)
        callee = Callee(symbol, routine.name, parameters, result, place_of(routine))
        self.callees[id(routine)] = callee
        types = tuple(kind.ir for _, kind in parameters)
        if isinstance(routine, Fn):
            self.queue.append((routine, symbol))
            options = routine.options
            self.program.declarations[symbol] = ir.Declaration(
                symbol, types, result.ir, options.cold, result == NEVER, options.export is not None, options.hot
            )
        elif isinstance(routine, IntrinsicFn):
            self.program.intrinsics[symbol] = ir.Intrinsic(
                symbol, routine.template, routine.constraints, types, result.ir, routine
            )
        elif isinstance(routine, StubFn):
            self.add_stub(routine, symbol, types, result, loc)
        return callee

    def add_stub(self, routine: StubFn, symbol: str, types: tuple[Any, ...], result: Type, loc: ir.Loc) -> None:
        """Assembles a stub and reaches what it refers to."""
        if self.target.assemble is None:
            raise refuse(f"{routine.name} is assembly, which this target has no assembler for", loc)
        try:
            made = self.target.assemble(routine)
        except Exception as error:
            reason = str(error).removeprefix(f"{routine.file}:{routine.line}: stub {routine.symbol}: ")
            raise refuse(f"{routine.name} does not assemble: {reason}", place_of(routine)) from error
        self.program.stubs[symbol] = ir.Stub(
            symbol, made.code, made.relocations, types, result.ir, routine.section, made.align, made.clobbers
        )
        edges = self.calls.setdefault(symbol, [])
        for name in routine.externals:
            target = self.exported.get(name)
            if target is not None:
                edges.append((self.callee(target, loc).symbol, loc))

    def signature_type(self, thing: Any, routine: Routine, parameter: str) -> Type:
        """The type of a parameter, or of the result (`return`)."""
        kind = type_of(thing)
        if kind is None or (kind in (NONE, NEVER) and parameter != "return"):
            declared = place_of(routine)
            what = "the result" if parameter == "return" else f"parameter `{parameter}`"
            message = f"{routine.name}: {what} has a type that is not in the language"
            raise refuse(message, annotation_place(declared, parameter) or declared)
        return kind

    def table(self, table: FnTable[Any], loc: ir.Loc) -> tuple[str, Callee]:
        """A function table's symbol, and the signature of its entries."""
        entries = [self.callee(entry, loc) for entry in table.entries]
        if not entries:
            raise refuse("this function table is empty", loc)
        first = entries[0]
        for entry in entries[1:]:
            same = [k for _, k in entry.parameters] == [k for _, k in first.parameters] and entry.result == first.result
            if not same:
                places = [Label(each.loc, f"`{each.name}` is declared here") for each in (first, entry)]
                raise refuse(f"this table's functions differ in signature: {first.name} and {entry.name}", loc, *places)
        symbol = self.symbols.of_table(table)
        if symbol not in self.program.tables:
            self.program.tables[symbol] = ir.FunctionTable(symbol, tuple(entry.symbol for entry in entries))
            self.calls[symbol] = [(entry.symbol, loc) for entry in entries]
        return symbol, first

    # ---- build-time objects as values

    def lift(self, thing: Any, loc: ir.Loc) -> Value:
        """A Python object as a value of the language."""
        kind = type(thing)
        if kind is int:
            return literal(thing, loc)
        if kind is bool:
            return constant(BOOLEAN, int(thing), loc, thing)
        if thing is None:
            return Value(NONE, None, loc, None)
        if isinstance(thing, Integer | Address | BitStruct):
            found = class_type(kind)
            assert found is not None
            number: int = getattr(thing, "_value")  # noqa: B009 (the type checkers' stubs do not show it)
            return constant(found, number, loc, thing)
        if isinstance(thing, HwEnum):
            member = EnumType(kind, integer(kind.__repr_type__))
            self.shapes.of(member)
            return constant(member, thing.value, loc, thing)
        if kind is bytes:
            return self.lift_span(rodata(thing), thing, loc)
        if kind is Span:
            return self.lift_span(thing, thing, loc)
        if isinstance(thing, Struct):
            return Value(StructType(kind), self.static_address(thing, loc), loc, thing)
        if kind is Array:
            return self.lift_array(thing, loc)
        if isinstance(thing, Block):
            return self.lift_block(thing, loc)
        return build_time(thing, loc)

    def lift_span(self, span: Span, thing: Any, loc: ir.Loc) -> Value:
        """Bytes in .rodata, or static memory."""
        length = ir.Const(U64, span._length, loc)
        return Value(SPAN_TYPE, ir.MakeAggregate((self.static_address(span, loc), length), SPAN, loc), loc, thing)

    def lift_array(self, array: Any, loc: ir.Loc) -> Value:
        """A storage array, a table, or an array inside a storage."""
        found = static_of(array)
        item = type_of(array.element)
        assert found is not None and item is not None
        static, where = found
        align = static.align if where == 0 else min(static.align, where & -where)
        kind = ArrayType(item, array.count, array.stride, align, static.shared, static.constant)
        return Value(kind, self.static_address(array, loc), loc, array)

    def lift_block(self, block: Any, loc: ir.Loc) -> Value:
        """Device registers at an address that is known at build time."""
        ports = block.space == "port"
        kind = BlockType(type(block), ports)
        if ports:
            return Value(kind, ir.Const(kind.ir, block._base, loc), loc, block)
        return Value(kind, self.device_address(ir.Const(U64, block._base, loc), loc), loc, block)

    def device_address(self, hpa: ir.Expr, loc: ir.Loc) -> ir.Expr:
        """Where the registers at a physical address are mapped."""
        base = self.target.physical_base if self.target.mmio_base is None else self.target.mmio_base
        return self.mapped(hpa, base, loc)

    def mapped(self, hpa: ir.Expr, base: int, loc: ir.Loc) -> ir.Expr:
        """A physical address as a pointer through a map that starts at `base`."""
        if isinstance(hpa, ir.Const):
            number: ir.Expr = ir.Const(U64, (hpa.value + base) & (1 << 64) - 1, loc)
        elif base:
            number = ir.Binary("add", hpa, ir.Const(U64, base, loc), U64, False, loc)
        else:
            number = hpa
        return ir.Convert(number, PTR, False, loc)

    # ---- static memory

    def static_address(self, thing: Any, loc: ir.Loc) -> ir.Expr:
        """The address of what lies in static memory."""
        found = static_of(thing)
        if found is None:
            raise refuse(
                f"this {type(thing).__name__} does not lie in static memory", loc, help="declare it with `storage(...)`"
            )
        static, where = found
        symbol = ir.Symbol(self.data(static), loc)
        return ir.Offset(symbol, where, loc) if where else symbol

    def data(self, static: Static) -> str:
        """The symbol of a piece of static memory, which is added to the program at its first use."""
        symbol = self.symbols.of_static(static)
        if symbol in self.program.data or symbol in self.entered:
            return symbol
        self.entered.add(symbol)
        moved = tuple(ir.Relocation(at, self.data(other), addend) for at, other, addend in references(static))
        contents = static.contents() if static.constant else None
        if contents is not None and moved:
            cleared = bytearray(contents)
            for relocation in moved:
                cleared[relocation.offset : relocation.offset + 8] = bytes(8)
            contents = bytes(cleared)
        address = static.address
        self.program.data[symbol] = ir.Data(
            symbol,
            static.size,
            static.align,
            contents,
            static.constant,
            static.section,
            static.shared,
            moved,
            lambda: address,
            static.kind == "bytes",
            self.shape_of_data(static),
        )
        return symbol

    def shape_of_data(self, static: Static) -> str:
        """What debuggers show of it; byte strings have no name there."""
        if static.kind == "bytes":
            return ""
        single = static.kind == "storage"
        return self.shapes.static(static.element, static.count, static.size // max(static.count, 1), single)


def place_of(routine: Routine) -> ir.Loc:
    """Where a routine is declared: its `def` line."""
    found = definition(routine.function.__code__)
    if found is None:
        return ir.Loc(shown_path(routine.file), routine.line)
    source, node = found
    text = source.lines[node.lineno - 1]
    start = text.find(node.name, node.col_offset)
    return ir.Loc(source.shown, node.lineno, start + 1, node.lineno, start + 1 + len(node.name))


def is_symbol(name: str) -> bool:
    """Whether an exported name is one that linkers and assembly take."""
    return re.fullmatch(r"[A-Za-z_.$][\w.$]*", name) is not None


def physical(program: ProgramLowering, hpa: Value, loc: ir.Loc) -> ir.Expr:
    """RAM at a physical address, through the direct map."""
    assert hpa.type == HPA
    return program.mapped(hpa.code, program.target.physical_base, loc)
