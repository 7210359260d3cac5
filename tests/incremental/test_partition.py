from __future__ import annotations

from codegen.ir.partition import COPIED_SIZE, HOT_COPIED_SIZE, UNIT_SIZE, Unit, partition
from codegen.ir.summary import Summary

LARGE = COPIED_SIZE + 1


def function(symbol: str, *calls: str, size: int = LARGE, file: str = "a/one.py", **marks: bool) -> Summary:
    flags = {name: marks.get(name, False) for name in ("exported", "noinline", "cold", "inline", "hot")}
    return Summary(symbol, file, size, tuple(sorted(calls)), (), (), **flags)


def units_of(*functions: Summary) -> dict[str, Unit]:
    """By symbol, the unit that it belongs to; the first function is the entry."""
    found = partition({each.symbol: each for each in functions}, [functions[0].symbol])
    by_symbol = {symbol: unit for unit in found for symbol in unit.own}
    assert sorted(by_symbol) == sorted(each.symbol for each in functions)
    assert len({unit.name for unit in found}) == len(found)
    return by_symbol


def test_a_function_lives_with_the_one_that_all_ways_to_it_go_through() -> None:
    half = UNIT_SIZE * 2 // 3
    found = units_of(
        function("start", "left", "right"),
        function("left", "below", "both", size=half, file="a/left.py"),
        function("right", "both", size=half, file="b/right.py"),
        function("below", file="z/far.py"),
        function("both", size=half, file="c/both.py"),
    )
    assert found["below"] is found["left"]
    assert len({found[name].name for name in ("left", "right", "both")}) == 3
    assert "both" in found["both"].shared and "below" not in found["below"].shared


def test_no_unit_of_several_functions_is_larger_than_allowed() -> None:
    chain = [function(f"f{n:03}", f"f{n + 1:03}", size=100) for n in range(99)] + [function("f099", size=100)]
    found = units_of(*chain)
    for unit in set(found.values()):
        assert sum(100 for _ in unit.own) <= UNIT_SIZE


def test_small_functions_are_copied_to_their_callers_and_large_ones_are_not() -> None:
    big = UNIT_SIZE - 10
    found = units_of(
        function("start", "left", "right"),
        function("left", "small", "large", size=big, file="a/left.py"),
        function("right", "small", "large", size=big, file="b/right.py"),
        function("small", "smaller", size=COPIED_SIZE, file="c/small.py"),
        function("smaller", size=1, file="c/small.py"),
        function("large", file="c/small.py"),
    )
    for caller in ("left", "right"):
        assert {"small", "smaller"} == {*found[caller].copies, *found[caller].own} - {caller, "start"}
    assert {"small", "smaller", "large"} <= found["large"].shared


def test_hot_functions_get_copies_of_larger_ones_but_never_of_cold_ones() -> None:
    big = UNIT_SIZE - 10
    found = units_of(
        function("start", "loop", "other"),
        function("loop", "warm", "frozen", "huge", size=big, file="a/left.py", hot=True),
        function("other", "warm", "frozen", "huge", size=big, file="b/right.py"),
        function("warm", size=HOT_COPIED_SIZE, file="c/x.py"),
        function("frozen", size=1, file="c/x.py", cold=True),
        function("huge", size=HOT_COPIED_SIZE + 1, file="c/x.py"),
    )
    assert found["loop"].copies == ("warm",)
    assert found["other"].copies == ()


def test_cold_code_has_units_of_its_own_where_only_what_is_always_inlined_is_copied() -> None:
    found = units_of(
        function("start", "report", "helper", "inlined", "small"),
        function("report", "detail", "inlined", "small", cold=True),
        function("detail", cold=True, file="z/far.py"),
        function("helper"),
        function("inlined", size=1, inline=True),
        function("small", size=1),
    )
    assert found["start"] is found["helper"] is found["small"]
    assert found["report"] is found["detail"] is not found["start"]
    assert found["report"].copies == ("inlined",) and found["start"].copies == ()
    assert "report" in found["report"].shared and "detail" not in found["report"].shared


def test_the_division_does_not_depend_on_the_order_of_its_input() -> None:
    functions = [function("start", "a", "b"), function("a", "c"), function("b", "c"), function("c", file="b/x.py")]
    forward = partition({each.symbol: each for each in functions}, ["start", "c"])
    backward = partition({each.symbol: each for each in reversed(functions)}, ["c", "start"])
    assert forward == backward
