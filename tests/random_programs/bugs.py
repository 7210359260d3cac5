"""Bugs planted in the back end, each by patching it in the process that calls `plant`; the tree stays as it is."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from codegen.back import arithmetic, memory, sites
from codegen.back.llvm_text import ModuleText
from codegen.back.writer import EXPRESSIONS, STATEMENTS, Writer
from codegen.ir import nodes as ir
from codegen.ir.types import U64, Int
from codegen.lang.checks import FIT, INDEX, OVERFLOW, SHIFT


@dataclass(frozen=True)
class Bug:
    """`plant` makes the back end wrong; `level` is the optimisation at which it shows."""

    name: str
    plant: Callable[[], None]
    level: int = 0


BUGS: list[Bug] = []


def bug(name: str, level: int = 0) -> Callable[[Callable[[], None]], Callable[[], None]]:
    def register(plant: Callable[[], None]) -> Callable[[], None]:
        BUGS.append(Bug(name, plant, level))
        return plant

    return register


def misread(kind: type, wrong: Callable[[Any], Any]) -> None:
    """The printer of this kind of node sees another node."""
    table: dict[type, Any] = EXPRESSIONS if kind in EXPRESSIONS else STATEMENTS
    printer = table[kind]
    table[kind] = lambda w, node: printer(w, wrong(node))


def reprint(pattern: str, wrong: str, within: type | None = None) -> None:
    """Instructions come out changed: all, or those that one kind of node prints itself."""
    emit = Writer.emit
    depth: list[type] = []

    def changed(self: Writer, text: str, loc: ir.Loc) -> None:
        if within is None or depth and depth[-1] is within:
            text = re.sub(pattern, wrong, text)
        emit(self, text, loc)

    Writer.emit = changed  # type: ignore[method-assign]
    if within is None:
        return
    for table in (EXPRESSIONS, STATEMENTS):
        for kind, printer in list(table.items()):
            table[kind] = entered(kind, printer, depth)


def entered(kind: type, printer: Any, depth: list[type]) -> Callable[[Writer, Any], Any]:
    def printing(w: Writer, node: Any) -> Any:
        depth.append(kind)
        try:
            return printer(w, node)
        finally:
            depth.pop()

    return printing


def unchecked(left_out: str) -> None:
    """This check is never printed."""
    trap_if = Writer.trap_if

    def fewer(self: Writer, condition: str, kind: str, loc: ir.Loc) -> None:
        if kind != left_out:
            trap_if(self, condition, kind, loc)

    Writer.trap_if = fewer  # type: ignore[method-assign]


def with_sign(node: ir.Binary, ops: tuple[str, ...], signed: bool) -> ir.Binary:
    """The same operation on a type of the other sign."""
    return replace(node, type=Int(node.type.bits, signed)) if node.op in ops and isinstance(node.type, Int) else node


@bug("unsigned division is signed")
def _() -> None:
    misread(ir.Binary, lambda node: with_sign(node, ("div",), True))


@bug("an unsigned remainder is signed")
def _() -> None:
    misread(ir.Binary, lambda node: with_sign(node, ("rem",), True))


@bug("unsigned numbers are shifted right with their sign")
def _() -> None:
    misread(ir.Binary, lambda node: with_sign(node, ("shr",), True))


@bug("signed numbers are shifted right without their sign")
def _() -> None:
    misread(ir.Binary, lambda node: with_sign(node, ("shr",), False))


@bug("the amount of an unchecked shift is not masked")
def _() -> None:
    original = arithmetic._shift

    def shift(w: Writer, node: ir.Binary, left: str, right: str, type_: str) -> str:
        if node.check or isinstance(node.right, ir.Const):
            return original(w, node, left, right, type_)
        return w.value(f"{'shl' if node.op == 'shl' else 'lshr'} {type_} {left}, {right}", node.loc)

    arithmetic._shift = shift


@bug("shift amounts are not checked")
def _() -> None:
    unchecked(SHIFT)


@bug("a shift by the width passes its check")
def _() -> None:
    reprint(r"icmp uge", "icmp ugt", ir.Binary)


@bug("signed numbers are extended with zeros")
def _() -> None:
    reprint(r"\bsext\b", "zext")


@bug("unsigned numbers are extended with their top bit")
def _() -> None:
    reprint(r"\bzext (?!i1 )", "sext ", ir.Convert)


@bug("less than is less or equal")
def _() -> None:
    reprint(r"icmp ([us])lt", r"icmp \1le", ir.Compare)


@bug("signed numbers compare as unsigned")
def _() -> None:
    reprint(r"icmp s", "icmp u", ir.Compare)


@bug("additions are not checked")
def _() -> None:
    misread(ir.Binary, lambda node: replace(node, check=node.check and node.op != "add"))


@bug("multiplications are not checked")
def _() -> None:
    unchecked(OVERFLOW["*"])


@bug("signed subtractions are checked as unsigned")
def _() -> None:
    reprint(r"@llvm\.ssub", "@llvm.usub", ir.Binary)
    declare = ModuleText.declare
    ModuleText.declare = lambda self, text: (declare(self, text), declare(self, text.replace("ssub", "usub")))[0]  # type: ignore[method-assign, assignment]


@bug("conversions do not check the upper end")
def _() -> None:
    reprint(r"icmp ([us])gt (i\d+) .*", r"icmp \1gt \2 0, 0", ir.Convert)


@bug("conversions are not checked")
def _() -> None:
    unchecked(FIT)


@bug("fields lie a byte too low")
def _() -> None:
    misread(ir.Offset, lambda node: replace(node, bytes=node.bytes - 1) if node.bytes > 2 else node)


@bug("an index may equal the count")
def _() -> None:
    reprint(r"icmp uge", "icmp ugt", ir.Index)


@bug("narrow indexes are extended with their top bit")
def _() -> None:
    reprint(r"\bzext\b", "sext", ir.Index)


@bug("indexes are not checked")
def _() -> None:
    unchecked(INDEX)


@bug("an atomic subtraction adds")
def _() -> None:
    memory.UPDATES["sub"] = "add"


@bug("an atomic or is an and")
def _() -> None:
    memory.UPDATES["or"] = "and"


@bug("an atomic exchange gives the new value")
def _() -> None:
    original = EXPRESSIONS[ir.AtomicUpdate]

    def update(w: Writer, node: ir.AtomicUpdate) -> str:
        old = original(w, node)
        return w.expression(node.value) if node.op == "exchange" else old

    EXPRESSIONS[ir.AtomicUpdate] = update


@bug("compare and exchange takes its values in the wrong order")
def _() -> None:
    misread(ir.CompareExchange, lambda node: replace(node, expected=node.new, new=node.expected))


@bug("the arms of a choice are swapped")
def _() -> None:
    misread(ir.Choose, lambda node: replace(node, then=node.otherwise, otherwise=node.then))


@bug("a short-circuit `or` that ends early is false")
def _() -> None:
    reprint(r"phi i1 \[ true,", "phi i1 [ false,", ir.Logic)


@bug("`and` runs both sides")
def _() -> None:
    def both(w: Writer, node: ir.Logic) -> str:
        left, right = w.expression(node.left), w.expression(node.right)
        return w.value(f"{node.op} i1 {left}, {right}", node.loc)

    EXPRESSIONS[ir.Logic] = both


@bug("a copy is a byte short")
def _() -> None:
    misread(ir.MemoryCopy, lambda node: replace(node, size=shorter(node.size)))


@bug("a fill is a byte short")
def _() -> None:
    misread(ir.MemoryFill, lambda node: replace(node, size=shorter(node.size)))


@bug("a comparison of bytes is a byte short")
def _() -> None:
    misread(ir.MemoryEqual, lambda node: replace(node, size=shorter(node.size)))


def shorter(size: ir.Expr) -> ir.Expr:
    """A byte less, but not less than none."""
    some = ir.Compare("ne", size, ir.Const(U64, 0, size.loc), size.loc)
    return ir.Binary("sub", size, ir.Convert(some, U64, False, size.loc), U64, False, size.loc)


@bug("a trap tells the line where its expression ends")
def _() -> None:
    number = sites.Sites.number
    sites.Sites.number = lambda self, kind, loc: number(self, kind, replace(loc, line=max(loc.line, loc.end_line)))  # type: ignore[method-assign]


@bug("a trap of a subtraction tells of an addition")
def _() -> None:
    arithmetic.SIGNS["sub"] = "+"


@bug("an item of an aggregate is taken for its neighbour of the same type")
def _() -> None:
    def neighbour(node: ir.Extract) -> ir.Extract:
        items = node.value.type.items  # type: ignore[union-attr]
        others = [place for place, kind in enumerate(items) if kind == node.type and place != node.index]
        return replace(node, index=others[0]) if others else node

    misread(ir.Extract, neighbour)


@bug("a case of several numbers knows only the first")
def _() -> None:
    misread(ir.Switch, lambda node: replace(node, cases=tuple((numbers[:1], body) for numbers, body in node.cases)))


@bug("`continue` leaves the loop")
def _() -> None:
    STATEMENTS[ir.Continue] = lambda w, node: w.terminate(f"br label %{w.break_labels[-1][1]}", node.loc)


@bug("leading zeros are counted from the other end")
def _() -> None:
    misread(ir.Unary, lambda node: replace(node, op="trailing_zeros") if node.op == "leading_zeros" else node)


@bug("the complement is the negation")
def _() -> None:
    reprint(r"xor (i(?!1 )\d+) (\S+), -1", r"sub \1 0, \2", ir.Unary)


@bug("a bool in memory is its lowest bit")
def _() -> None:
    memory.from_memory = lambda w, value, type_, loc: (
        w.value(f"trunc i8 {value} to i1", loc) if str(type_) == "bool" else value
    )


@bug("the sign of an overflow of a checked form is lost")
def _() -> None:
    reprint(
        r"insertvalue (\S.*) zeroinitializer, i1 %\w+, 0",
        r"insertvalue \1 zeroinitializer, i1 false, 0",
        ir.WithOverflow,
    )


@bug("a device register is read as a byte")
def _() -> None:
    reprint(r"store i64 [248], ", "store i64 1, ", ir.MmioRead)


@bug("two arguments of one type are swapped")
def _() -> None:
    def swapped(node: ir.Call) -> ir.Call:
        first, *rest = node.arguments or (None,)
        if first is None or not rest or rest[0].type != first.type:
            return node
        return replace(node, arguments=(rest[0], first, *rest[1:]))

    misread(ir.Call, swapped)


@bug("the index of a function table is not checked")
def _() -> None:
    reprint(r"icmp uge (i\d+) .*", r"icmp ult \1 0, 0", ir.CallIndirect)


@bug("per-CPU cells lie eight bytes too high")
def _() -> None:
    place = memory._place

    def higher(w: Writer, address: ir.Expr, space: str) -> str:
        if space and isinstance(address, ir.Const) and address.value:
            address = replace(address, value=address.value + 8)
        return place(w, address, space)

    memory._place = higher


@bug("a break leaves only the round of an unrolled loop")
def _() -> None:
    def inner(w: Writer, node: ir.Break) -> None:
        w.terminate(f"br label %{w.break_labels[-1][1]}", node.loc)

    STATEMENTS[ir.Break] = inner


@bug("functions are said to touch no memory", level=2)
def _() -> None:
    printed = ModuleText._function

    def pure(self: ModuleText, function: ir.Function) -> list[str]:
        first, *rest = printed(self, function)
        return [first.replace(") #0", ") #0 memory(none)"), *rest]

    ModuleText._function = pure  # type: ignore[method-assign]


@bug("additions that wrap are said never to do so", level=2)
def _() -> None:
    reprint(r"= (add|sub|mul) (?=i\d+ )", r"= \1 nsw nuw ", ir.Binary)
