"""Coverage: every line says that it ran. Two ways: a byte per line, or a report on the debug port at the first time.

A byte of an image that is killed is lost with it, so an image reports at once; then nothing has to be read out at any
end, be it a panic or a kill. A report is three bytes that tell their own place, so that an NMI handler's may stand in
the middle of another, and all above 7FH, so that text on the same port does no harm.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from codegen.ir import nodes as ir
from codegen.ir.types import U8, U16, U32, VOID
from codegen.ir.verify import verify

DEBUG_PORT = 0xE9
RAN = "coverage.ran"
REPORT = "coverage.report"
FIRST, SECOND, THIRD = 0x80, 0xC0, 0xE0
MAX_LINES = 1 << 16  # 6 + 5 + 5 bits

Line = tuple[str, int]
Mark = Callable[[int, ir.Loc], ir.Stmt]


def with_marks(program: ir.Program, address: int) -> tuple[ir.Program, tuple[Line, ...]]:
    """For native runs: the program, and its lines. Byte n of the host's memory at `address` becomes 1 when line n runs;
    there must be as many bytes as lines."""
    marked, lines = _marked(program, _store)
    marked.data[RAN] = ir.Data(RAN, max(len(lines), 1), 1, None, False, hidden=True, host=lambda: address)
    verify(marked)
    return marked, lines


def with_reports(program: ir.Program) -> tuple[ir.Program, tuple[Line, ...]]:
    """For images: the program, and its lines, whose numbers `reported` gives. ValueError beyond MAX_LINES."""
    marked, lines = _marked(program, _report_once)
    if len(lines) > MAX_LINES:
        raise ValueError(f"{len(lines)} lines: a report has room for {MAX_LINES}")
    # Hidden, not internal: else LLVM would see that nothing but the reports reads it.
    marked.data[RAN] = ir.Data(RAN, max(len(lines), 1), 1, None, False, hidden=True)
    marked.functions[REPORT] = _report_function()
    verify(marked)
    return marked, lines


def reported(output: bytes) -> set[int]:
    """The numbers of the lines in what came out of the debug port; text between and a report cut short are left out."""
    found: set[int] = set()
    begun: list[int] = []  # interrupted reports, the innermost last
    for byte in output:
        if FIRST <= byte < SECOND:
            begun.append((byte - FIRST) << 10)
        elif SECOND <= byte < THIRD and begun:
            begun[-1] |= (byte - SECOND) << 5
        elif byte >= THIRD and begun:
            found.add(begun.pop() | byte - THIRD)
    return found


def _marked(program: ir.Program, mark: Mark) -> tuple[ir.Program, tuple[Line, ...]]:
    numbers: dict[Line, int] = {}

    def body(statements: Iterable[ir.Stmt]) -> tuple[ir.Stmt, ...]:
        made: list[ir.Stmt] = []
        before: Line | None = None
        for statement in statements:
            line = statement.loc.file, statement.loc.line
            if line != before:
                made.append(mark(numbers.setdefault(line, len(numbers)), statement.loc))
            made.append(inside(statement))
            before = line
        return tuple(made)

    def inside(statement: ir.Stmt) -> ir.Stmt:
        match statement:
            case ir.If():
                return replace(statement, then=body(statement.then), otherwise=body(statement.otherwise))
            case ir.Loop() | ir.Block():
                return replace(statement, body=body(statement.body))
            case ir.Switch():
                cases = tuple((values, body(case)) for values, case in statement.cases)
                return replace(statement, cases=cases, default=body(statement.default))
            case _:
                return statement

    functions = {symbol: replace(each, body=body(each.body)) for symbol, each in program.functions.items()}
    return replace(program, functions=functions, data=dict(program.data)), tuple(numbers)


def _store(number: int, loc: ir.Loc) -> ir.Stmt:
    return ir.Store(ir.Offset(ir.Symbol(RAN, loc), number, loc), ir.Const(U8, 1, loc), 1, loc)


def _report_once(number: int, loc: ir.Loc) -> ir.Stmt:
    ran = ir.Load(ir.Offset(ir.Symbol(RAN, loc), number, loc), U8, 1, loc)
    report = ir.Evaluate(ir.Call(REPORT, (ir.Const(U32, number, loc),), VOID, loc), loc)
    return ir.If(ir.Compare("eq", ran, ir.Const(U8, 0, loc), loc), (_store(number, loc), report), (), loc)


def _report_function() -> ir.Function:
    loc = ir.Loc("codegen/ir/line_marks.py", 1)
    number = ir.Local(1, "number", U32, loc)

    def write(tag: int, shift: int, mask: int) -> ir.Stmt:
        bits = ir.Binary("shr", number, ir.Const(U32, shift, loc), U32, False, loc)
        tagged = ir.Binary("or", _and(bits, mask, loc), ir.Const(U32, tag, loc), U32, False, loc)
        return ir.PortWrite(ir.Const(U16, DEBUG_PORT, loc), ir.Convert(tagged, U8, False, loc), loc)

    statements = (write(FIRST, 10, 63), write(SECOND, 5, 31), write(THIRD, 0, 31), ir.Return(None, loc))
    return ir.Function(REPORT, REPORT, (number,), VOID, statements, (), loc, noinline=True, cold=True)


def _and(value: ir.Expr, mask: int, loc: ir.Loc) -> ir.Expr:
    return ir.Binary("and", value, ir.Const(U32, mask, loc), U32, False, loc)
