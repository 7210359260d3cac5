"""CPython, native code and optimised native code give one result, or the same trap at the same line, and leave the same
memory and the same accesses of devices behind.
"""

from __future__ import annotations

import functools
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.back.jit import NativeModule, compile_native
from codegen.front.lower import lower_program
from codegen.front.program import TargetInfo
from codegen.ir.nodes import Program
from codegen.lang import Hpa, Trap, host, span_of
from tests.lang.checked import agree, agree_statements
from tests.random_programs import prelude

MODULES = (agree, agree_statements, prelude)
FUNCTIONS = agree.FUNCTIONS + agree_statements.FUNCTIONS


@functools.cache
def lowered() -> tuple[Program, str]:
    modules = [sys.modules[module.__name__] for module in MODULES]
    program, diagnostics = lower_program([f for _, f in FUNCTIONS], modules, TargetInfo())
    return program, "\n".join(each.render() for each in diagnostics)


@functools.cache
def native(level: int) -> NativeModule:
    return compile_native(lowered()[0], level)


@pytest.fixture(autouse=True)
def the_compiler_takes_all() -> None:
    assert lowered()[1] == ""


def outcome(call: Any, calls: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    host.reset()
    log: list[tuple[object, ...]] = []
    host.bus.map_mmio(Hpa(0xFEC0_0000), 64, prelude.Device(log, "window"))
    host.bus.map_ports(0x3F8, 16, prelude.Device(log, "bank"))
    host.bus.map_ports(0, 8, prelude.Device(log, "where ports wrap to"))
    found: list[tuple[Any, ...]] = []
    for function, *arguments in calls:
        try:
            result = call(function, *arguments)
            found.append((function.name, type(result), result))
        except Trap as trap:
            found.append((function.name, trap.kind, trap.line))
        found.append(tuple(bytes(span_of(struct)) for struct in agree_statements.CHANGED))
    return [*found, *log]


def numbers(kind: Any) -> st.SearchStrategy[int]:
    edges = st.sampled_from((kind.low, kind.low + 1, 0, 1, 2, kind.high - 1, kind.high)) | st.integers(0, 40)
    return edges | st.integers(kind.low, kind.high)


def agrees(calls: list[tuple[Any, ...]]) -> None:
    expected = outcome(lambda function, *arguments: function(*arguments), calls)
    for level in (0, 2):
        assert outcome(native(level).call, calls) == expected, f"at -O{level}"


@settings(deadline=None, max_examples=400)
@given(st.sampled_from(agree.FUNCTIONS), st.data())
def test_every_operator_of_every_type(case: Any, data: st.DataObject) -> None:
    kind, function = case
    agrees([(function, kind(data.draw(numbers(kind))), kind(data.draw(numbers(kind))))])


@pytest.mark.parametrize("case", agree_statements.FUNCTIONS, ids=lambda case: case[1].__name__)
@settings(deadline=None, max_examples=40)
@given(st.data())
def test_every_statement(case: Any, data: st.DataObject) -> None:
    kind, function = case
    pairs = data.draw(st.lists(st.tuples(numbers(kind), numbers(kind)), min_size=1, max_size=4))
    agrees([(function, kind(first), kind(second)) for first, second in pairs])
