"""Prints the IR as text for people and golden tests: one line per statement, two blanks per level."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from codegen.ir import nodes as ir
from codegen.ir import shapes

SYMBOLS = {
    "add": "+", "sub": "-", "mul": "*", "div": "//", "rem": "%",
    "and": "&", "or": "|", "xor": "^", "shl": "<<", "shr": ">>",
    "eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">=",
}  # fmt: skip


def show_program(program: ir.Program) -> str:
    """Everything in the program, in a fixed order."""
    parts = [f"{show_shape(shape)}\n" for _, shape in sorted(program.shapes.items())]
    parts += [show_data(data) for _, data in sorted(program.data.items())]
    parts += [f"table {t.symbol} [{', '.join(t.entries)}]\n" for _, t in sorted(program.tables.items())]
    for _, i in sorted(program.intrinsics.items()):
        parts.append(f"intrinsic {i.symbol}({', '.join(map(str, i.parameters))}) -> {i.result} {i.template!r}\n")
    for _, s in sorted(program.stubs.items()):
        parts.append(f"stub {s.symbol}({', '.join(map(str, s.parameters))}) -> {s.result} {len(s.code)} bytes\n")
    parts += [show_function(function) for _, function in sorted(program.functions.items())]
    return "".join(parts)


def show_shape(shape: shapes.Shape) -> str:
    """One line: what a debugger is told of a type."""
    match shape:
        case shapes.Scalar(name, size, encoding):
            return f"shape {name}: {encoding} {size}"
        case shapes.Enumeration(name, base, members):
            return f"shape {name}: enum {base} {', '.join(f'{member}={number}' for member, number in members)}"
        case shapes.BitFields(name, base, parts):
            return f"shape {name}: bits {base} {', '.join(f'{p.name}@{p.low}+{p.width} {p.shape}' for p in parts)}"
        case shapes.Record(name, size, align, cells):
            held = ", ".join(f"{c.name}@{c.offset} {c.shape}{show_count(c)}" for c in cells)
            return f"shape {name}: size {size} align {align} {held}"
        case shapes.Row(name, element, count, stride):
            return f"shape {name}: {count} of {element} by {stride}"
        case shapes.Reference(name, target):
            return f"shape {name}: reference {target}"
        case shapes.Group(name, items):
            return f"shape {name}: group {', '.join(f'{item} {kind}' for item, kind in items)}"


def show_count(cell: shapes.Cell) -> str:
    """Of an array."""
    return "" if cell.count is None else f" * {cell.count} by {cell.stride}"


def show_data(data: ir.Data) -> str:
    """One line: kind, size, alignment, first bytes."""
    kind = "constant" if data.constant else "data"
    contents = (
        "zero" if data.contents is None else data.contents[:32].hex() + ("..." if len(data.contents) > 32 else "")
    )
    moved = "".join(f" @{r.offset}={r.symbol}+{r.addend}" for r in data.relocations)
    shape = f" as {data.shape}" if data.shape else ""
    return f"{kind} {data.symbol} size {data.size} align {data.align} {contents}{moved}{shape}\n"


def show_function(function: ir.Function) -> str:
    """Header with the marks of the function, then the body."""
    marks = [m for m in ("noinline", "cold", "noreturn", "exported") if getattr(function, m)]
    if function.section != ".text":
        marks.append(function.section)
    parameters = ", ".join(f"{show(p)}: {p.type}" for p in function.parameters)
    head = f"function {function.symbol}({parameters}) -> {function.result}" + "".join(f" {m}" for m in marks)
    return "\n".join([head, *show_body(function.body, 1)]) + "\n"


def show_body(body: tuple[ir.Stmt, ...], level: int) -> Iterator[str]:
    """The lines of a statement list."""
    return (line for _, line in placed_lines(body, level))


def placed_lines(body: tuple[ir.Stmt, ...], level: int) -> Iterator[tuple[ir.Loc, str]]:
    """The same, each line with the place in the source that it comes from."""
    pad = "  " * level
    for statement in body:
        loc = statement.loc
        match statement:
            case ir.If(condition, then, otherwise):
                yield loc, f"{pad}if {show(condition)}:"
                yield from placed_lines(then, level + 1)
                if otherwise:
                    yield loc, f"{pad}else:"
                    yield from placed_lines(otherwise, level + 1)
            case ir.Loop(condition, inner, step):
                yield loc, f"{pad}while {show(condition)}:"
                yield from placed_lines(inner, level + 1)
                if step:
                    yield loc, f"{pad}step:"
                    yield from placed_lines(step, level + 1)
            case ir.Block(label, inner):
                yield loc, f"{pad}block {label}:"
                yield from placed_lines(inner, level + 1)
            case ir.Switch(value, cases, default):
                yield loc, f"{pad}switch {show(value)}:"
                for values, inner in cases:
                    yield loc, f"{pad}case {', '.join(map(str, values))}:"
                    yield from placed_lines(inner, level + 1)
                yield loc, f"{pad}default:"
                yield from placed_lines(default, level + 1)
            case _:
                yield loc, pad + show_statement(statement)


def show_statement(s: ir.Stmt) -> str:
    """A statement that holds no others."""
    match s:
        case ir.SetLocal(local, value):
            return f"{show(local)} = {show(value)}"
        case ir.Store(address, value):
            return f"store{memory_marks(s)} [{show(address)}] = {show(value)}"
        case ir.MmioWrite(address, value):
            return f"mmio [{show(address)}] = {show(value)}"
        case ir.PortWrite(port, value):
            return f"out {show(port)}, {show(value)}"
        case ir.MemoryCopy(target, source, size):
            return f"copy [{show(target)}] from [{show(source)}] size {show(size)}"
        case ir.MemoryFill(target, value, size):
            return f"fill [{show(target)}] with {show(value)} size {show(size)}"
        case ir.Evaluate(value):
            return f"do {show(value)}"
        case ir.Break(_, label):
            return "break" if label is None else f"break {label}"
        case ir.Continue():
            return "continue"
        case ir.Return(value):
            return "return" if value is None else f"return {show(value)}"
        case ir.Trap(kind):
            return f"trap {kind!r}"
        case ir.Unreachable():
            return "unreachable"
        case _:
            return "\n".join(show_body((s,), 0))


def memory_marks(node: ir.Load | ir.Store) -> str:
    """What is not ordinary about a memory access."""
    marks = [f"align {node.align}"]
    if node.volatile:
        marks.append("volatile")
    if node.space:
        marks.append(node.space)
    if node.order:
        marks.append(node.order)
    return f" {' '.join(marks)}"


def _many(items: tuple[ir.Expr, ...]) -> str:
    return ", ".join(map(show, items))


def _binary(e: ir.Binary) -> str:
    return f"({show(e.left)} {SYMBOLS[e.op]}{'' if e.check else '~'} {show(e.right)})"


def _index(e: ir.Index) -> str:
    bound = "" if e.count is None else f" < {show(e.count)}"
    return f"({show(e.base)} + [{show(e.index)}{bound}] * {e.stride})"


def _sequence(e: ir.Sequence) -> str:
    return "{" + "".join(f"{line.strip()}; " for line in show_body(e.body, 0)) + show(e.result) + "}"


EXPRESSIONS: dict[type[Any], Callable[[Any], str]] = {
    ir.Const: lambda e: f"{e.value}{e.type}" if str(e.type) != "bool" else ("true" if e.value else "false"),
    ir.Null: lambda e: "null",
    ir.Undefined: lambda e: "undefined",
    ir.Symbol: lambda e: f"@{e.name}",
    ir.Local: lambda e: f"{e.name}.{e.number}",
    ir.StackSlot: lambda e: f"slot {e.name}.{e.number}[{e.size}]",
    ir.Binary: _binary,
    ir.Unary: lambda e: f"{e.op}({show(e.value)})",
    ir.Compare: lambda e: f"({show(e.left)} {SYMBOLS[e.op]} {show(e.right)})",
    ir.Logic: lambda e: f"({show(e.left)} {e.op} {show(e.right)})",
    ir.Choose: lambda e: f"({show(e.then)} if {show(e.condition)} else {show(e.otherwise)})",
    ir.Convert: lambda e: f"{e.type}{'' if e.check else '~'}({show(e.value)})",
    ir.WithOverflow: lambda e: f"overflow({show(e.left)} {SYMBOLS[e.op]} {show(e.right)})",
    ir.Load: lambda e: f"load {e.type}{memory_marks(e)} [{show(e.address)}]",
    ir.Offset: lambda e: f"{show(e.base)} + {e.bytes}",
    ir.Index: _index,
    ir.Call: lambda e: f"{e.callee}({_many(e.arguments)})",
    ir.CallIndirect: lambda e: f"{e.table}[{show(e.index)}]({_many(e.arguments)})",
    ir.MmioRead: lambda e: f"mmio {e.type} [{show(e.address)}]",
    ir.PortRead: lambda e: f"in {e.type} {show(e.port)}",
    ir.AtomicUpdate: lambda e: f"atomic {e.op} [{show(e.address)}] {show(e.value)}",
    ir.CompareExchange: lambda e: f"atomic exchange [{show(e.address)}] if {show(e.expected)} to {show(e.new)}",
    ir.MakeAggregate: lambda e: "{" + _many(e.items) + "}",
    ir.Extract: lambda e: f"{show(e.value)}.{e.index}",
    ir.MemoryEqual: lambda e: f"equal [{show(e.left)}] [{show(e.right)}] size {show(e.size)}",
    ir.Sequence: _sequence,
}


def show(expression: ir.Expr) -> str:
    """An expression on one line; an unchecked operation is marked `~`."""
    return EXPRESSIONS[type(expression)](expression)
