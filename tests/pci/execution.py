"""The PCI driver as CPython and as native code, by ports and by a window in memory."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any

import pytest

from codegen.back.jit import NativeModule, compile_native
from codegen.front.lower import lower_program, module_functions
from codegen.front.program import host_target
from codegen.lang import Hpa, bind, host, u8, u16
from drivers.acpi.root import acpi_may_read, acpi_start
from drivers.pci.address import PciAddress
from drivers.pci.config_ports import config_ports_lock, config_ports_unlock
from drivers.pci.enumerate import pci_enumerate
from drivers.pci.functions import PCI, PciFunction
from drivers.pci.windows import WINDOWS, windows_find, windows_use_ports
from tests.drivers.test_acpi import PLACE
from tests.pci import contracts
from tests.pci.fronts import WINDOW, Lock, Ports, Window, put_mcfg
from tests.pci.machine import Host

NAMES = """
    address bars bridges capabilities class_names config config_ports enumerate functions msi msix_driver quiet windows
""".split()
MODULES = [
    *(importlib.import_module(f"drivers.pci.{name}") for name in NAMES),
    importlib.import_module("drivers.acpi.root"),
    importlib.import_module("drivers.interrupt.message"),
    contracts,
]
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
both_ways = pytest.mark.parametrize("way", ["ports", "window"])


def begin() -> None:
    """A machine without anything, and the contracts of tests/pci/contracts.py."""
    host.reset()
    for state in (PCI, WINDOWS):
        state.zero()
    bind(config_ports_lock, contracts.take)
    bind(config_ports_unlock, contracts.give)
    bind(acpi_may_read, contracts.may_read)


def attach(run: Run, machine: Host, way: str) -> None:
    """Begin with this machine, whose buses are known by one of the two ways."""
    begin()
    if way == "ports":
        Ports(machine)
        run(windows_use_ports)
    else:
        Lock()
        Window(machine)
        put_mcfg((WINDOW, 0, 0, 255))
        assert run(acpi_start, Hpa(PLACE))
        run(windows_find)
        assert int(WINDOWS.window_count) == 1


def walk(run: Run, machine: Host, way: str) -> list[PciFunction]:
    """All functions that the driver finds."""
    attach(run, machine, way)
    run(pci_enumerate)
    return table()


def table() -> list[PciFunction]:
    return [PCI.functions[i] for i in range(int(PCI.function_count))]


def place_of(function: PciFunction) -> tuple[int, int, int]:
    place = function.place
    return int(place.bus), int(place.device), int(place.function)


def address(bus: int, device: int, function: int = 0, segment: int = 0) -> PciAddress:
    return PciAddress(segment=u16(segment), bus=u8(bus), device=u8(device), function=u8(function))


def found(bus: int, device: int, function: int = 0) -> PciFunction:
    """The function at this place, which is in the table."""
    (one,) = [each for each in table() if place_of(each) == (bus, device, function)]
    return one
