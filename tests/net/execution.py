"""The switch as CPython and as native code: `@everywhere` runs a test in both."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any

import pytest

from codegen.back.jit import NativeModule, compile_native
from codegen.front.lower import lower_program, module_functions
from codegen.front.program import host_target

MODULES = "bucket checksum ethernet flow frame_ring learned offload port port_life segments switch vlan".split()

Run = Callable[..., Any]


@functools.cache
def native_module() -> NativeModule:
    modules = [importlib.import_module(f"hypervisor.net.{name}") for name in MODULES]
    program, diagnostics = lower_program(module_functions(modules), modules, host_target())
    assert not diagnostics, "\n".join(str(diagnostic) for diagnostic in diagnostics)
    return compile_native(program, 2)


def in_cpython(function: Any, *arguments: Any) -> Any:
    return function(*arguments)


def natively(function: Any, *arguments: Any) -> Any:
    return native_module().call(function, *arguments)


everywhere = pytest.mark.parametrize("run", [in_cpython, natively])
