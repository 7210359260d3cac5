"""The NVMe driver as CPython and as native code: `@everywhere` runs a test in both."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any

import pytest

from codegen.back.jit import NativeModule, compile_native
from codegen.front.lower import lower_program, module_functions
from codegen.front.program import host_target
from codegen.lang import bind
from drivers.host import device_memory, moment
from tests.pci import contracts as pci_contracts
from tests.storage.nvme import contracts

NAMES = """
    drivers.acpi.root drivers.interrupt.message drivers.pci.enumerate drivers.pci.windows drivers.storage.fault
    drivers.storage.nvme.start drivers.storage.nvme.connect drivers.storage.nvme.submit drivers.storage.nvme.collect
    drivers.storage.nvme.recover
""".split()
MODULES = [*(importlib.import_module(name) for name in NAMES), contracts, pci_contracts]
Run = Callable[..., Any]


@functools.cache
def native_module() -> NativeModule:
    program, diagnostics = lower_program(module_functions(MODULES), MODULES, host_target())
    assert not diagnostics, "\n".join(diagnostic.render() for diagnostic in diagnostics)
    return compile_native(program, 2)


def in_cpython(function: Any, *arguments: Any) -> Any:
    return function(*arguments)


def natively(function: Any, *arguments: Any) -> Any:
    return native_module().call(function, *arguments)


everywhere = pytest.mark.parametrize("run", [in_cpython, natively])


def bind_contracts() -> None:
    bind(device_memory, contracts.from_pool)
    bind(moment, contracts.by_clock)
