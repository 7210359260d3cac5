"""One source, three executions: CPython, native without and with optimisation; results, traps and memory must agree."""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from codegen.back.jit import NativeModule, compile_native
from codegen.front.lower import lower_program, module_functions
from codegen.front.program import host_target
from codegen.ir.verify import verify
from codegen.lang import Span, Trap, host
from codegen.lang import memory as arena
from codegen.lang.percpu import PerCpu


@functools.cache
def natives(name: str) -> tuple[NativeModule, NativeModule]:
    """The module compiled at -O0 and at -O2."""
    module: ModuleType = sys.modules[name]
    program, diagnostics = lower_program(module_functions([module]), [module], host_target())
    assert not diagnostics, "".join(d.render() for d in diagnostics)
    verify(program)
    return compile_native(program, 0), compile_native(program, 2)


def outcome(module: str, call: Any, arguments: tuple[Any, ...], prepare: Any) -> tuple[Any, bytes]:
    """The result, or what trapped where; and all static memory afterwards."""
    host.reset()
    for thing in vars(sys.modules[module]).values():
        if isinstance(thing, PerCpu):
            _ = thing.current  # writes its self_address, as start-up does
    if prepare is not None:
        prepare()
    try:
        result: Any = plain(call(*arguments))
    except Trap as trap:
        result = ("trap", trap.kind, Path(trap.file).name, trap.line)
    return result, arena.read(arena.zeroed.start, arena.zeroed.top - arena.zeroed.start)


def plain(value: Any) -> Any:
    """Something that compares: values of the language compare only with their own kind."""
    if isinstance(value, tuple):
        return tuple(map(plain, value))
    if isinstance(value, Span):
        return value._address, len(value)
    return type(value).__name__, repr(value)


def agree(function: Any, *arguments: Any, prepare: Any = None) -> Any:
    """Runs all three; gives what CPython gives, or ("trap", kind, file, line)."""
    expected = outcome(function.__module__, function, arguments, prepare)
    for level, native in zip((0, 2), natives(function.__module__), strict=True):
        found = outcome(function.__module__, functools.partial(native.call, function), arguments, prepare)
        assert found[0] == expected[0], f"-O{level} gives {found[0]}, CPython {expected[0]}"
        assert found[1] == expected[1], f"-O{level} leaves other memory than CPython"
    return expected[0]


def trapped(function: Any, *arguments: Any) -> str:
    """The kind of trap on which all three agree."""
    result = agree(function, *arguments)
    assert isinstance(result, tuple) and result[0] == "trap", f"no trap, but {result}"
    kind: str = result[1]
    return kind
