from __future__ import annotations

import re
import sys
from typing import Any, Never

from codegen.back.llvm_text import ModuleText
from codegen.back.target import IMAGE
from codegen.lang import (
    Array,
    Field,
    Struct,
    bounded_index,
    count,
    fn,
    fn_table,
    forget_range,
    intrinsic,
    rdtsc,
    storage,
    u32,
    u64,
)
from codegen.program import Sources, lower
from codegen.show.stages import llvm_function, show_stages


class State(Struct):
    limit: Field[u64]
    cells: Array[u64] = count(4)


STATE = storage(State)


@intrinsic("vmreadq $1, $0", "=r,r,~{flags}")
def leaves_memory_alone(number: u64) -> u64:
    return number


@intrinsic("wbinvd", "~{memory}")
def changes_memory() -> None:
    return None


@fn(export="read_twice")
def read_twice(state: State) -> u64:
    first = state.limit
    return leaves_memory_alone(u64(1)).wrapping_add(first).wrapping_add(state.limit)


@fn(export="read_again")
def read_again(state: State) -> u64:
    first = state.limit
    changes_memory()
    return first.wrapping_add(state.limit)


@fn(export="read_over_time")
def read_over_time(state: State) -> u64:
    first = state.limit
    return rdtsc().wrapping_add(first).wrapping_add(state.limit)


@fn
def find(state: State, index: u64) -> u64 | None:
    if index >= state.limit:
        return None
    return leaves_memory_alone(index)


@fn(export="use")
def use(state: State, index: u64) -> u64:
    found = find(state, index)
    if found is None:
        return u64(0)
    return found


@fn
def only_from_start(value: u32) -> None:
    STATE.limit = u64(value)


@fn
def from_both(value: u32) -> None:
    STATE.limit = u64(value) + 1


@fn
def in_table_of_start(value: u32) -> None:
    only_from_start(value)


TABLE = fn_table([in_table_of_start])


@fn(cold=True)
def begin() -> None:
    TABLE[u32(0)](u32(7))
    from_both(u32(1))


@fn(hot=True)
def quick() -> None:
    from_both(u32(2))


@fn(export="main")
def main() -> Never:
    begin()
    while True:
        quick()


def sources(*roots: Any) -> Sources:
    return Sources(list(roots), [sys.modules[__name__]], IMAGE, debug=False)


def test_a_value_stays_in_its_register_across_an_instruction_that_leaves_memory_alone() -> None:
    assert show_stages(sources(read_twice), "read_twice", ["opt"]).count("load i64") == 1
    assert show_stages(sources(read_again), "read_again", ["opt"]).count("load i64") == 2


def test_a_loop_that_watches_the_clock_sees_what_an_interrupt_writes() -> None:
    assert show_stages(sources(read_over_time), "read_over_time", ["opt"]).count("load i64") == 2


def test_the_absence_of_an_inlined_result_is_tested_once() -> None:
    text = show_stages(sources(use), "use", ["opt"])
    assert "{ i1" not in text
    assert text.count("br i1") == 1


def attributes(name: str) -> str:
    text = ModuleText(lower(sources(main)), IMAGE, debug=False).text()
    return llvm_function(text, name).splitlines()[0]


def test_what_only_cold_functions_reach_is_cold() -> None:
    for name in (begin, in_table_of_start, only_from_start):
        assert "cold minsize" in attributes(f"{__name__}.{name.__name__}")
    assert "cold" not in attributes(f"{__name__}.from_both")
    assert "cold" not in attributes("main")


def test_code_is_optimised_for_size_and_hot_functions_for_speed() -> None:
    assert "optsize" in attributes(f"{__name__}.from_both")
    assert "optsize" not in attributes(f"{__name__}.quick")


@fn(export="by_mask")
def by_mask(state: State, index: u64) -> u64:
    return state.cells[forget_range(index) & 3] if index < 4 else u64(0)


@fn(export="by_count")
def by_count(state: State, index: u64) -> u64:
    return state.cells[bounded_index(index, u64(4))] if index < 4 else u64(0)


def test_an_index_is_masked_although_a_comparison_has_bounded_it() -> None:
    text = show_stages(sources(by_mask), "by_mask", ["asm"])
    assert re.search(r"and[lq]\s+\$3,", text) and "trap" not in text


def test_an_index_is_bounded_without_a_branch() -> None:
    text = show_stages(sources(by_count), "by_count", ["asm"])
    assert re.search(r"cmpq\s+\$4, .*\n\s*sbbq.*\n\s*andq", text)


def test_a_bounded_index_is_the_index_or_0() -> None:
    assert [bounded_index(u64(i), u64(3)) for i in (0, 2, 3, 1 << 63)] == [0, 2, 0, 0]
    assert forget_range(u64(7)) == 7
