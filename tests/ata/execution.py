"""The drivers of ATA disks as CPython and as native code: `@everywhere` runs a test in both."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any

import pytest

from codegen.back.jit import NativeModule, compile_native
from codegen.front.lower import lower_program, module_functions
from codegen.front.program import host_target
from codegen.lang import bind, host, u8
from drivers.acpi.root import acpi_may_read
from drivers.host import device_memory, moment
from drivers.pci.config_ports import config_ports_lock, config_ports_unlock
from drivers.pci.enumerate import pci_enumerate
from drivers.pci.functions import PCI, PciFunction
from drivers.pci.windows import WINDOWS, windows_use_ports
from tests.ata import contracts
from tests.pci import contracts as pci_contracts
from tests.pci.fronts import Ports
from tests.pci.machine import Function, Host

MODULES = ("drivers.storage.ata.start", "drivers.storage.ata.ata")
IMPLEMENTATIONS = ("tests.ata.contracts", "tests.pci.contracts")

Run = Callable[..., Any]


@functools.cache
def native_module(modules: tuple[str, ...] = MODULES) -> NativeModule:
    roots = [importlib.import_module(name) for name in modules]
    every = [*roots, *(importlib.import_module(name) for name in IMPLEMENTATIONS)]
    program, diagnostics = lower_program(module_functions(roots), every, host_target())
    assert not diagnostics, "\n".join(diagnostic.render() for diagnostic in diagnostics)
    return compile_native(program, 2)


def in_cpython(function: Any, *arguments: Any) -> Any:
    return function(*arguments)


def natively(function: Any, *arguments: Any) -> Any:
    return native_module().call(function, *arguments)


everywhere = pytest.mark.parametrize("run", [in_cpython, natively])


def begin() -> None:
    """A machine without anything, and the contracts."""
    host.reset()
    bind(moment, contracts.now)
    bind(device_memory, contracts.memory_for)
    bind(config_ports_lock, pci_contracts.take)
    bind(config_ports_unlock, pci_contracts.give)
    bind(acpi_may_read, pci_contracts.may_read)


def plug_in(function: Function) -> PciFunction:
    """The machine's only PCI function, as the walk finds it."""
    Ports(Host({0: {(1, 0): function}}))
    windows_use_ports()
    WINDOWS.windows[0].last_bus = u8(0)  # there is one bus: walking all takes CPython half a second
    pci_enumerate()
    return PCI.functions[0]
