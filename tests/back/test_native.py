from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.back.jit import NativeModule, compile_native
from codegen.ir.types import I64, SPAN, U16, Aggregate, Int
from codegen.lang.checks import Trap
from tests.back.programs import (
    BOOL,
    LOC,
    PTR,
    U8,
    U32,
    U64,
    VOID,
    assign,
    binary,
    call,
    compare,
    const,
    function,
    give,
    ir,
    local,
    program,
)  # fmt: skip

OPERATORS = {"add": "+", "sub": "-", "mul": "*"}


def both(made: ir.Program) -> tuple[NativeModule, NativeModule]:
    return compile_native(made, 0), compile_native(made, 2)


def outcome(module: NativeModule, symbol: str, *cells: int) -> object:
    try:
        return module.run(symbol, list(cells), 1)[0]
    except Trap as trap:
        return trap.kind


def arithmetic_program() -> ir.Program:
    functions = []
    for name in ("add", "sub", "mul", "div", "rem", "shl", "shr", "and", "or", "xor"):
        for check in (True, False):
            for type_ in (U8, U16, U32, U64, Int(8, True), I64):
                a, b = local(0, type_), local(1, type_)
                symbol = f"{name}.{type_}.{check}"
                functions.append(function(symbol, (a, b), type_, give(binary(name, a, b, check))))
    return program(*functions)


ARITHMETIC = both(arithmetic_program())


def expected(name: str, type_: Int, check: bool, a: int, b: int) -> object:
    low, high = (-(1 << type_.bits - 1), (1 << type_.bits - 1) - 1) if type_.signed else (0, (1 << type_.bits) - 1)
    wrap = lambda x: x & ((1 << type_.bits) - 1)  # noqa: E731
    if name in OPERATORS:
        exact = {"add": a + b, "sub": a - b, "mul": a * b}[name]
        if check and not low <= exact <= high:
            return f"overflow in {OPERATORS[name]}"
        return wrap(exact)
    if name in ("div", "rem"):
        if b == 0:
            return "division by zero"
        quotient = abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
        if not low <= quotient <= high:
            return "overflow in -"
        return wrap(quotient if name == "div" else a - b * quotient)
    if name in ("shl", "shr"):
        if not 0 <= b < type_.bits:
            if check:
                return "shift amount out of range"
            b &= type_.bits - 1
        return wrap(a << b if name == "shl" else a >> b)
    return wrap({"and": a & b, "or": a | b, "xor": a ^ b}[name])


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_integer_operators_agree_with_exact_arithmetic(data: st.DataObject) -> None:
    type_ = data.draw(st.sampled_from([U8, U16, U32, U64, Int(8, True), I64]))
    name = data.draw(st.sampled_from(["add", "sub", "mul", "div", "rem", "shl", "shr", "and", "or", "xor"]))
    check = data.draw(st.booleans())
    low, high = (-(1 << type_.bits - 1), (1 << type_.bits - 1) - 1) if type_.signed else (0, (1 << type_.bits) - 1)
    numbers = st.one_of(st.integers(low, high), st.sampled_from([low, high, 0, 1, min(type_.bits, high)]))
    a, b = data.draw(numbers), data.draw(numbers)
    for module in ARITHMETIC:
        found = outcome(module, f"{name}.{type_}.{check}", a % (1 << 64), b % (1 << 64))
        assert (found if isinstance(found, str) else found & ((1 << type_.bits) - 1)) == expected(
            name, type_, check, a, b
        )


def test_a_failed_check_names_its_file_and_line_and_later_calls_work() -> None:
    a = local(0)
    made = program(function("f", (a,), U32, give(binary("add", a, const(1), line=42))))
    for module in both(made):
        with pytest.raises(Trap) as raised:
            module.run("f", [0xFFFF_FFFF], 1)
        assert (raised.value.kind, raised.value.file, raised.value.line) == ("overflow in +", "source.py", 42)
        assert module.run("f", [6], 1) == [7]


def test_loops_branches_breaks_and_continues() -> None:
    i, total, limit = local(1), local(2), local(0)
    step = assign(i, binary("add", i, const(1)))
    body = (
        ir.If(compare("eq", i, const(3)), (ir.Continue(LOC),), (), LOC),
        ir.If(compare("eq", i, const(8)), (ir.Break(LOC),), (), LOC),
        assign(total, binary("add", total, i)),
    )
    f = function(
        "f", (limit,), U32,
        assign(i, const(0)), assign(total, const(0)),
        ir.Loop(compare("lt", i, limit), body, (step,), LOC),
        give(total), locals=(i, total),
    )  # fmt: skip
    for module in both(program(f)):
        assert module.run("f", [5], 1) == [0 + 1 + 2 + 4]
        assert module.run("f", [100], 1) == [0 + 1 + 2 + 4 + 5 + 6 + 7]


def test_a_labelled_break_leaves_its_block_only() -> None:
    x, n = local(0), local(1)
    inner = ir.Block(1, (ir.If(compare("gt", x, const(9)), (ir.Break(LOC, 1),), (), LOC), assign(n, const(1))), LOC)
    outer = ir.Block(
        0, (inner, ir.If(compare("eq", x, const(20)), (ir.Break(LOC, 0),), (), LOC), assign(n, const(5))), LOC
    )
    made = program(function("f", (x,), U32, assign(n, const(0)), outer, give(n), locals=(n,)))
    for module in both(made):
        assert [module.run("f", [v], 1)[0] for v in (1, 12, 20)] == [5, 5, 0]


def test_switch_takes_one_case_and_does_not_fall_through() -> None:
    x = local(0)
    cases = (((1, 2), (give(const(10)),)), ((7,), (give(const(70)),)))
    made = program(function("f", (x,), U32, ir.Switch(x, cases, (give(const(0)),), LOC)))
    for module in both(made):
        assert [module.run("f", [v], 1)[0] for v in (1, 2, 7, 8)] == [10, 10, 70, 0]


def test_only_the_needed_operand_of_and_or_and_choose_is_evaluated() -> None:
    x = local(0)
    trapping = compare("eq", binary("div", const(8), x), const(4))
    nonzero = compare("ne", x, const(0))
    both_true = ir.Logic("and", nonzero, trapping, LOC)
    either = ir.Logic("or", compare("eq", x, const(0)), trapping, LOC)
    chosen = ir.Choose(nonzero, binary("div", const(8), x), const(99), U32, LOC)
    made = program(
        function("both", (x,), BOOL, give(both_true)),
        function("either", (x,), BOOL, give(either)),
        function("choose", (x,), U32, give(chosen)),
    )
    for module in both(made):
        assert [module.run("both", [v], 1)[0] for v in (0, 2, 3)] == [0, 1, 0]
        assert [module.run("either", [v], 1)[0] for v in (0, 2, 3)] == [1, 1, 0]
        assert [module.run("choose", [v], 1)[0] for v in (0, 2)] == [99, 4]


def test_conversions_extend_by_sign_and_trap_when_the_number_changes() -> None:
    s, u = local(0, I64), local(0, U64)
    made = program(
        function("narrow", (u,), U8, give(ir.Convert(u, U8, True, LOC))),
        function("cut", (u,), U8, give(ir.Convert(u, U8, False, LOC))),
        function("unsigned", (s,), U64, give(ir.Convert(s, U64, True, LOC))),
        function("small", (s,), Int(8, True), give(ir.Convert(s, Int(8, True), True, LOC))),
    )
    for module in both(made):
        assert outcome(module, "narrow", 255) == 255
        assert outcome(module, "narrow", 256) == "value does not fit"
        assert outcome(module, "cut", 0x1FF) == 0xFF
        assert outcome(module, "unsigned", (1 << 64) - 1) == "value does not fit"
        assert outcome(module, "small", (1 << 64) - 128) == 0x80
        assert outcome(module, "small", 128) == "value does not fit"


def test_aggregates_pass_through_calls_and_memory_is_addressed_in_bytes() -> None:
    pair = Aggregate((U32, BOOL, U64))
    x, got = local(0), local(1, pair)
    make = ir.MakeAggregate((x, compare("gt", x, const(5)), ir.Convert(x, U64, False, LOC)), pair, LOC)
    slot = ir.StackSlot(0, "cell", 16, 8, LOC)
    place = ir.Index(slot, x, 4, const(4), LOC)
    made = program(
        function("make", (x,), pair, give(make)),
        function("use", (x,), pair, assign(got, call("make", pair, x)), give(got), locals=(got,)),
        function(
            "cell", (x,), U32,
            ir.MemoryFill(slot, const(0, U8), const(16, U64), LOC),
            ir.Store(place, const(77), 4, LOC),
            give(ir.Load(ir.Offset(slot, 8, LOC), U32, 4, LOC)),
        ),
    )  # fmt: skip
    for module in both(made):
        assert module.run("use", [9], 3) == [9, 1, 9]
        assert [outcome(module, "cell", v) for v in (2, 1, 4)] == [77, 0, "index out of range"]


def test_function_tables_call_by_checked_index() -> None:
    x, i = local(0), local(1, U16)
    made = program(
        function("one", (x,), U32, give(binary("add", x, const(1)))),
        function("two", (x,), U32, give(binary("add", x, const(2)))),
        function("pick", (x, i), U32, give(ir.CallIndirect("table", i, (x,), U32, LOC))),
    )
    made.tables["table"] = ir.FunctionTable("table", ("one", "two"))
    for module in both(made):
        assert [outcome(module, "pick", 10, v) for v in (0, 1, 2)] == [11, 12, "index out of range"]


def test_data_with_relocations_holds_addresses() -> None:
    words = ir.Data("words", 8, 4, (11).to_bytes(4, "little") + (22).to_bytes(4, "little"), True)
    pointer = ir.Data("pointer", 8, 8, bytes(8), True, relocations=(ir.Relocation(0, "words", 4),))
    through = ir.Load(ir.Symbol("pointer", LOC), PTR, 8, LOC)
    made = program(function("f", (), U32, give(ir.Load(through, U32, 4, LOC))))
    made.data.update(words=words, pointer=pointer)
    for module in both(made):
        assert module.run("f", [], 1) == [22]


def test_atomics_and_counting() -> None:
    x, counter = local(0, U64), ir.Symbol("counter", LOC)
    exchange = ir.CompareExchange(counter, const(5, U64), const(9, U64), LOC)
    made = program(
        function("add", (x,), U64, give(ir.AtomicUpdate("add", counter, x, U64, LOC))),
        function("swap", (), BOOL, give(exchange)),
        function("ones", (x,), U64, give(ir.Unary("count_ones", x, U64, LOC))),
        function("zeros", (x,), U64, give(ir.Unary("leading_zeros", x, U64, LOC))),
    )
    made.data["counter"] = ir.Data("counter", 8, 8, None, False)
    for module in both(made):
        assert [module.run("add", [5], 1)[0], module.run("swap", [], 1)[0], module.run("swap", [], 1)[0]] == [0, 1, 0]
        assert module.run("add", [0], 1) == [9]
        assert [module.run("ones", [0xF0F], 1)[0], module.run("zeros", [0], 1)[0]] == [8, 64]


def test_spans_compare_by_their_bytes() -> None:
    text = ir.Data("text", 6, 1, b"abcabc", True)
    n = local(0, U64)
    base = ir.Symbol("text", LOC)
    made = program(
        function("same", (n,), BOOL, give(ir.MemoryEqual(base, ir.Offset(base, 3, LOC), n, LOC))),
        function("span", (), SPAN, give(ir.MakeAggregate((base, const(6, U64)), SPAN, LOC))),
    )
    made.data["text"] = text
    for module in both(made):
        assert [module.run("same", [3], 1)[0], module.run("same", [4], 1)[0]][0] == 1
        assert module.run("span", [], 2)[1] == 6


def test_code_behind_a_return_is_dropped() -> None:
    made = program(function("f", (), U32, give(const(1)), give(const(2))), function("g", (), VOID))
    made.functions["g"] = function("g", (), VOID, ir.Return(None, LOC), ir.Unreachable(LOC))
    for module in both(made):
        assert module.run("f", [], 1) == [1]
        assert module.run("g", [], 0) == []
