"""CPython, native code and optimised native code give one result, or the same trap at the same line."""

from __future__ import annotations

import functools
import sys
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.back.jit import NativeModule, compile_native
from codegen.front.lower import lower_program
from codegen.front.program import TargetInfo
from codegen.lang import Trap
from tests.lang.checked import agree


@functools.cache
def native(level: int) -> NativeModule:
    program, diagnostics = lower_program([f for _, f in agree.FUNCTIONS], [sys.modules[agree.__name__]], TargetInfo())
    assert not diagnostics
    return compile_native(program, level)


def outcome(call: Any, *arguments: Any) -> tuple[Any, ...]:
    try:
        result = call(*arguments)
        return type(result), result
    except Trap as trap:
        return trap.kind, trap.line


@settings(deadline=None, max_examples=400)
@given(st.sampled_from(agree.FUNCTIONS), st.data())
def test_all_three_agree(case: Any, data: st.DataObject) -> None:
    kind, function = case
    edges = st.sampled_from((kind.low, kind.low + 1, 0, 1, 2, kind.high - 1, kind.high)) | st.integers(0, 40)
    numbers = edges | st.integers(kind.low, kind.high)
    arguments = kind(data.draw(numbers)), kind(data.draw(numbers))
    expected = outcome(function, *arguments)
    for level in (0, 2):
        assert outcome(native(level).call, function, *arguments) == expected, f"{function.name}{arguments} at -O{level}"
