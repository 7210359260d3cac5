"""The service of the second serial port as CPython and as native code."""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Callable
from typing import Any

import pytest

from codegen.back.jit import NativeModule, compile_native
from codegen.front.lower import lower_program, module_functions
from codegen.front.program import host_target
from tests.played_guest.machine import svm_modules

ROOTS = ("json", "request", "answer", "binary", "run", "service")
Run = Callable[..., Any]

for _name in ROOTS:
    importlib.import_module(f"hypervisor.ctl.{_name}")


@functools.cache
def native_module() -> NativeModule:
    roots = [sys.modules[f"hypervisor.ctl.{name}"] for name in ROOTS]
    program, diagnostics = lower_program(module_functions(roots), svm_modules(), host_target())
    assert not diagnostics, "\n".join(diagnostic.render() for diagnostic in diagnostics)
    return compile_native(program, 2)


def in_cpython(function: Any, *arguments: Any) -> Any:
    return function(*arguments)


def natively(function: Any, *arguments: Any) -> Any:
    return native_module().call(function, *arguments)


everywhere = pytest.mark.parametrize("run", [in_cpython, natively])
