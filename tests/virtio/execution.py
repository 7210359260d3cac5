"""The drivers of virtio devices, as CPython and as native code: `@everywhere` runs a test in both."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any

import pytest

from codegen.back.jit import NativeModule, compile_native
from codegen.front.lower import lower_program, module_functions
from codegen.front.program import host_target
from tests.pci import contracts as pci_contracts
from tests.virtio import contracts

ROOTS = [
    importlib.import_module(name)
    for name in (
        "drivers.pci.enumerate",
        "drivers.pci.quiet",
        "drivers.pci.windows",
        "drivers.acpi.root",
        "drivers.virtio.windows",
        "drivers.net.virtio.start",
        "drivers.net.virtio.send",
        "drivers.net.virtio.receive",
        "drivers.net.virtio.tick",
        "drivers.storage.virtio.start",
        "drivers.storage.virtio.submit",
        "drivers.storage.virtio.collect",
        "drivers.storage.virtio.tick",
    )
]
Run = Callable[..., Any]


@functools.cache
def native_module() -> NativeModule:
    modules = [*ROOTS, pci_contracts, contracts]
    program, diagnostics = lower_program(module_functions(modules), modules, host_target())
    assert not diagnostics, "\n".join(diagnostic.render() for diagnostic in diagnostics)
    return compile_native(program, 2)


def in_cpython(function: Any, *arguments: Any) -> Any:
    return function(*arguments)


def natively(function: Any, *arguments: Any) -> Any:
    return native_module().call(function, *arguments)


everywhere = pytest.mark.parametrize("run", [in_cpython, natively])
