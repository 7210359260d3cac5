"""The IR's rules: what every pass may rely on, and what the front end is checked against after lowering."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from codegen.ir import nodes as ir
from codegen.ir.shapes import BitFields, Enumeration, Group, Record, Reference, Row, Scalar, mentioned
from codegen.ir.show import show, show_statement
from codegen.ir.types import BOOL, PTR, SPAN, U8, U16, U32, U64, VOID, Aggregate, Bool, Int, Ptr, Type

BUILTINS: dict[str, tuple[tuple[Type, ...], Type]] = {
    "trap_site_line": ((U32,), U32),
    "trap_site_file": ((U32,), SPAN),
    "trap_site_kind": ((U32,), SPAN),
}
"""Functions of the back end."""


class BadIr(Exception):
    """The IR breaks one of its own rules: a bug in the front end or in a pass, never in the user's program."""


def verify(program: ir.Program) -> None:
    """Raises BadIr with the function, the node and its location at the first broken rule."""
    for shape in program.shapes.values():
        for name in mentioned(shape):
            if name not in program.shapes:
                raise BadIr(f"shape {shape.name}: refers to unknown {name!r}")
    for function in program.functions.values():
        FunctionVerifier(program, function).run()
        for local in (*function.parameters, *function.locals):
            if local.shape and not fits(program, local.shape, local.type):
                raise BadIr(f"{function.symbol}: local {local.name} of type {local.type} has the shape {local.shape}")
    for table in program.tables.values():
        signatures = {signature(program, entry) for entry in table.entries}
        if len(signatures) != 1:
            raise BadIr(f"table {table.symbol}: entries have {len(signatures)} signatures")
    for data in program.data.values():
        if data.contents is not None and len(data.contents) != data.size:
            raise BadIr(f"data {data.symbol}: {len(data.contents)} bytes, but size {data.size}")
        if data.shape and shape_size(program, data.shape) > data.size:
            raise BadIr(f"data {data.symbol}: {data.size} bytes do not hold its shape {data.shape}")
        for relocation in data.relocations:
            if relocation.symbol not in program.data and relocation.symbol not in program.functions:
                raise BadIr(f"data {data.symbol}: refers to unknown {relocation.symbol}")


def fits(program: ir.Program, name: str, type_: Type) -> bool:
    """Whether a value of this IR type is what the shape says."""
    match program.shapes.get(name), type_:
        case (Scalar(_, size, "boolean"), Bool()):
            return size == 1
        case (Scalar() | Enumeration() | BitFields()) as shape, Int(bits):
            return shape_size(program, shape.name) * 8 == bits
        case Reference(), Ptr():
            return True
        case Group(_, items), Aggregate(parts):
            return len(items) == len(parts) and all(
                fits(program, item, part) for (_, item), part in zip(items, parts, strict=True)
            )
        case _:
            return False


def shape_size(program: ir.Program, name: str) -> int:
    """In bytes, of what may lie in memory."""
    match program.shapes.get(name):
        case Scalar(_, size) | Record(_, size):
            return size
        case Enumeration(_, base) | BitFields(_, base):
            return shape_size(program, base)
        case Row(_, element, count, stride):
            return (count - 1) * stride + shape_size(program, element) if count else 0
        case Reference():
            return 8
        case other:
            raise BadIr(f"shape {name!r} ({other}) does not lie in memory")


def signature(program: ir.Program, symbol: str) -> tuple[tuple[Type, ...], Type]:
    """Parameter types and result of whatever can be called by this symbol."""
    if (function := program.functions.get(symbol)) is not None:
        return tuple(p.type for p in function.parameters), function.result
    if (declaration := program.declarations.get(symbol)) is not None:
        return declaration.parameters, declaration.result
    if symbol in BUILTINS:
        return BUILTINS[symbol]
    callee = program.intrinsics.get(symbol) or program.stubs.get(symbol)
    if callee is None:
        raise BadIr(f"call of unknown {symbol}")
    return callee.parameters, callee.result


class FunctionVerifier:
    """Walks one function; `loops` counts the enclosing Loops, `labels` the enclosing Blocks."""

    def __init__(self, program: ir.Program, function: ir.Function) -> None:
        self.program = program
        self.function = function
        self.locals = {local.number: local.type for local in (*function.parameters, *function.locals)}
        self.slots: dict[int, tuple[int, int]] = {}
        self.labels: list[int] = []
        self.loops = 0

    def run(self) -> None:
        self.body(self.function.body)

    def fail(self, node: Any, why: str) -> BadIr:
        text = show(node) if type(node) in CHECKS else show_statement(node)
        return BadIr(f"{self.function.symbol}: {node.loc.file}:{node.loc.line}: {why}: {text[:200]}")

    def expect(self, node: Any, condition: bool, why: str) -> None:
        if not condition:
            raise self.fail(node, why)

    def value(self, node: ir.Expr, expected: Type | None = None) -> Type:
        CHECKS[type(node)](self, node)
        if expected is not None and node.type != expected:
            raise self.fail(node, f"has type {node.type}, not {expected}")
        return node.type

    def body(self, statements: tuple[ir.Stmt, ...]) -> None:
        for statement in statements:
            STATEMENTS[type(statement)](self, statement)

    # ---- expressions

    def const(self, e: ir.Const) -> None:
        if isinstance(e.type, Int):
            low, high = (-(1 << e.type.bits - 1), 1 << e.type.bits - 1) if e.type.signed else (0, 1 << e.type.bits)
            self.expect(e, low <= e.value < high, "constant out of range")
        else:
            self.expect(e, e.type == BOOL and e.value in (0, 1), "constant is neither integer nor truth value")

    def nothing(self, e: ir.Expr) -> None:
        pass

    def symbol(self, e: ir.Symbol) -> None:
        self.expect(e, e.name in self.program.data, "symbol of no data")

    def local(self, e: ir.Local) -> None:
        self.expect(e, self.locals.get(e.number) == e.type, "local is not declared with this type")

    def slot(self, e: ir.StackSlot) -> None:
        self.expect(e, self.slots.setdefault(e.number, (e.size, e.align)) == (e.size, e.align), "slot changes shape")

    def binary(self, e: ir.Binary) -> None:
        ok = e.op in {"add", "sub", "mul", "div", "rem", "and", "or", "xor", "shl", "shr"}
        self.expect(
            e, ok and (isinstance(e.type, Int) or (e.type == BOOL and e.op in ("and", "or", "xor"))), "operator"
        )
        self.value(e.left, e.type)
        self.value(e.right, e.type)

    def unary(self, e: ir.Unary) -> None:
        if e.op == "not":
            self.expect(e, e.type == BOOL, "not of a number")
        else:
            known = e.op in {"invert", "negate", "leading_zeros", "trailing_zeros", "count_ones"}
            self.expect(e, known and isinstance(e.type, Int), "operator")
        self.value(e.value, e.type)

    def compare(self, e: ir.Compare) -> None:
        left = self.value(e.left)
        self.value(e.right, left)
        self.expect(e, e.op in {"eq", "ne", "lt", "le", "gt", "ge"}, "operator")
        self.expect(e, isinstance(left, Int) or (left in (BOOL, PTR) and e.op in ("eq", "ne")), "operand type")

    def logic(self, e: ir.Logic) -> None:
        self.expect(e, e.op in ("and", "or"), "operator")
        self.value(e.left, BOOL)
        self.value(e.right, BOOL)

    def choose(self, e: ir.Choose) -> None:
        self.value(e.condition, BOOL)
        self.value(e.then, e.type)
        self.value(e.otherwise, e.type)

    def convert(self, e: ir.Convert) -> None:
        source = self.value(e.value)
        if PTR in (source, e.type):
            self.expect(e, {source, e.type} <= {PTR, U64}, "pointer to other than u64")
        else:
            self.expect(e, isinstance(source, Int) or source == BOOL, "operand type")
            self.expect(e, isinstance(e.type, Int) or e.type == BOOL, "result type")

    def overflow(self, e: ir.WithOverflow) -> None:
        self.expect(e, e.op in ("add", "sub", "mul"), "operator")
        left = self.value(e.left)
        self.value(e.right, left)
        self.expect(e, isinstance(left, Int) and e.type == Aggregate((BOOL, left)), "result type")

    def load(self, e: ir.Load) -> None:
        self.place(e, e.address, e.space)
        self.expect(e, not isinstance(e.type, Aggregate) and e.type != VOID and e.align > 0, "load of a group")

    def place(self, node: Any, address: ir.Expr, space: str) -> None:
        self.expect(node, space in ("", "gs"), "address space")
        self.value(address, U64 if space else PTR)

    def offset(self, e: ir.Offset) -> None:
        self.value(e.base, PTR)

    def index(self, e: ir.Index) -> None:
        self.value(e.base, PTR)
        kind = self.value(e.index)
        self.expect(e, isinstance(kind, Int) and not kind.signed and e.stride > 0, "index type")
        if e.count is not None:
            self.value(e.count, kind)

    def call(self, e: ir.Call) -> None:
        parameters, result = signature(self.program, e.callee)
        self.arguments(e, e.arguments, parameters)
        self.expect(e, e.type == result, f"callee gives {result}")

    def arguments(self, node: Any, arguments: tuple[ir.Expr, ...], parameters: tuple[Type, ...]) -> None:
        self.expect(node, len(arguments) == len(parameters), f"takes {len(parameters)} arguments")
        for argument, parameter in zip(arguments, parameters, strict=True):
            self.value(argument, parameter)

    def call_indirect(self, e: ir.CallIndirect) -> None:
        self.expect(e, e.table in self.program.tables, "unknown table")
        kind = self.value(e.index)
        self.expect(e, isinstance(kind, Int) and not kind.signed, "index type")
        parameters, result = signature(self.program, self.program.tables[e.table].entries[0])
        self.arguments(e, e.arguments, parameters)
        self.expect(e, e.type == result, f"entries give {result}")

    def mmio_read(self, e: ir.MmioRead) -> None:
        self.value(e.address, PTR)
        self.expect(e, isinstance(e.type, Int), "register type")

    def port_read(self, e: ir.PortRead) -> None:
        self.value(e.port, U16)
        self.expect(e, isinstance(e.type, Int) and e.type.bits < 64, "register type")

    def atomic(self, e: ir.AtomicUpdate) -> None:
        self.expect(e, e.op in {"add", "sub", "or", "and", "exchange"}, "operator")
        self.value(e.address, PTR)
        self.value(e.value, e.type)

    def exchange(self, e: ir.CompareExchange) -> None:
        self.value(e.address, PTR)
        self.value(e.new, self.value(e.expected))

    def make(self, e: ir.MakeAggregate) -> None:
        self.expect(e, isinstance(e.type, Aggregate) and len(e.type.items) == len(e.items), "number of items")
        assert isinstance(e.type, Aggregate)
        for item, kind in zip(e.items, e.type.items, strict=True):
            self.value(item, kind)

    def extract(self, e: ir.Extract) -> None:
        group = self.value(e.value)
        self.expect(e, isinstance(group, Aggregate) and group.items[e.index] == e.type, "item type")

    def equal(self, e: ir.MemoryEqual) -> None:
        self.value(e.left, PTR)
        self.value(e.right, PTR)
        self.value(e.size, U64)

    def sequence(self, e: ir.Sequence) -> None:
        self.body(e.body)
        self.value(e.result, e.type)

    # ---- statements

    def set_local(self, s: ir.SetLocal) -> None:
        self.local(s.local)
        self.value(s.value, s.local.type)

    def store(self, s: ir.Store) -> None:
        self.place(s, s.address, s.space)
        kind = self.value(s.value)
        self.expect(s, not isinstance(kind, Aggregate) and kind != VOID and s.align > 0, "store of a group")

    def mmio_write(self, s: ir.MmioWrite) -> None:
        self.value(s.address, PTR)
        self.expect(s, isinstance(self.value(s.value), Int), "register type")

    def port_write(self, s: ir.PortWrite) -> None:
        self.value(s.port, U16)
        kind = self.value(s.value)
        self.expect(s, isinstance(kind, Int) and kind.bits < 64, "register type")

    def copy(self, s: ir.MemoryCopy) -> None:
        self.value(s.target, PTR)
        self.value(s.source, PTR)
        self.value(s.size, U64)

    def fill(self, s: ir.MemoryFill) -> None:
        self.value(s.target, PTR)
        self.value(s.value, U8)
        self.value(s.size, U64)

    def evaluate(self, s: ir.Evaluate) -> None:
        self.value(s.value)

    def branch(self, s: ir.If) -> None:
        self.value(s.condition, BOOL)
        self.body(s.then)
        self.body(s.otherwise)

    def loop(self, s: ir.Loop) -> None:
        self.value(s.condition, BOOL)
        self.loops += 1
        self.body(s.body)
        self.loops -= 1
        self.body(s.step)

    def block(self, s: ir.Block) -> None:
        self.expect(s, s.label not in self.labels, "label used twice")
        self.labels.append(s.label)
        self.body(s.body)
        self.labels.pop()

    def switch(self, s: ir.Switch) -> None:
        kind = self.value(s.value)
        self.expect(s, isinstance(kind, Int), "switch on other than an integer")
        values = [value for group, _ in s.cases for value in group]
        self.expect(s, len(values) == len(set(values)), "value in two cases")
        for _, inner in s.cases:
            self.body(inner)
        self.body(s.default)

    def leave(self, s: ir.Break) -> None:
        self.expect(s, s.label in self.labels if s.label is not None else self.loops > 0, "break of nothing")

    def resume(self, s: ir.Continue) -> None:
        self.expect(s, self.loops > 0, "continue of nothing")

    def give(self, s: ir.Return) -> None:
        if s.value is None:
            self.expect(s, self.function.result == VOID, f"function gives {self.function.result}")
        else:
            self.value(s.value, self.function.result)

    def end(self, s: ir.Stmt) -> None:
        pass


V = FunctionVerifier
CHECKS: dict[type[Any], Callable[[FunctionVerifier, Any], None]] = {
    ir.Const: V.const, ir.Null: V.nothing, ir.Undefined: V.nothing, ir.Symbol: V.symbol, ir.Local: V.local,
    ir.StackSlot: V.slot, ir.Binary: V.binary, ir.Unary: V.unary, ir.Compare: V.compare, ir.Logic: V.logic,
    ir.Choose: V.choose, ir.Convert: V.convert, ir.WithOverflow: V.overflow, ir.Load: V.load, ir.Offset: V.offset,
    ir.Index: V.index, ir.Call: V.call, ir.CallIndirect: V.call_indirect, ir.MmioRead: V.mmio_read,
    ir.PortRead: V.port_read, ir.AtomicUpdate: V.atomic, ir.CompareExchange: V.exchange, ir.MakeAggregate: V.make,
    ir.Extract: V.extract, ir.MemoryEqual: V.equal, ir.Sequence: V.sequence,
}  # fmt: skip
STATEMENTS: dict[type[Any], Callable[[FunctionVerifier, Any], None]] = {
    ir.SetLocal: V.set_local, ir.Store: V.store, ir.MmioWrite: V.mmio_write, ir.PortWrite: V.port_write,
    ir.MemoryCopy: V.copy, ir.MemoryFill: V.fill, ir.Evaluate: V.evaluate, ir.If: V.branch, ir.Loop: V.loop,
    ir.Block: V.block, ir.Switch: V.switch, ir.Break: V.leave, ir.Continue: V.resume, ir.Return: V.give,
    ir.Trap: V.end, ir.Unreachable: V.end,
}  # fmt: skip
