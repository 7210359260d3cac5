"""The ring as CPython and as native code."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest

from codegen.back.jit import NativeModule, compile_native
from codegen.front.lower import lower_program, module_functions
from codegen.front.program import host_target
from hypervisor.trace import ring

Run = Callable[..., Any]


@functools.cache
def native_module() -> NativeModule:
    program, diagnostics = lower_program(module_functions([ring]), [ring], host_target())
    assert not diagnostics, "\n".join(diagnostic.render() for diagnostic in diagnostics)
    return compile_native(program, 2)


def in_cpython(function: Any, *arguments: Any) -> Any:
    return function(*arguments)


def natively(function: Any, *arguments: Any) -> Any:
    return native_module().call(function, *arguments)


everywhere = pytest.mark.parametrize("run", [in_cpython, natively])
