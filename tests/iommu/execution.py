"""The drivers of IOMMUs and what uses them, as CPython and as native code: `@everywhere` runs a test in both."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any

import pytest

from codegen.back.jit import NativeModule, compile_native
from codegen.front.lower import lower_program, module_functions
from codegen.front.program import host_target

MODULES = (
    "drivers.acpi.root",
    "drivers.iommu.dmar",
    "drivers.iommu.ivrs",
    "drivers.iommu.reported",
    "hypervisor.dma.dma",
    "hypervisor.dma.faults",
    "hypervisor.dma.start",
    "hypervisor.dma.withdraw",
)
IMPLEMENTATIONS = ("hypervisor.memory.paging",)  # of contracts

Run = Callable[..., Any]


@functools.cache
def native_module() -> NativeModule:
    modules = [importlib.import_module(name) for name in MODULES]
    all_modules = [*modules, *(importlib.import_module(name) for name in IMPLEMENTATIONS)]
    program, diagnostics = lower_program(module_functions(modules), all_modules, host_target())
    assert not diagnostics, "\n".join(str(diagnostic) for diagnostic in diagnostics)
    return compile_native(program, 2)


def in_cpython(function: Any, *arguments: Any) -> Any:
    return function(*arguments)


def natively(function: Any, *arguments: Any) -> Any:
    return native_module().call(function, *arguments)


everywhere = pytest.mark.parametrize("run", [in_cpython, natively])
