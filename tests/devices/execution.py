"""The same device code as CPython and as native code: `@everywhere` runs a test in both."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any

import pytest

from codegen.back.jit import NativeModule, compile_native
from codegen.front.lower import lower_program, module_functions
from codegen.front.program import host_target
from tests.devices import handed

MODULES = """
    acpi.power board clock ioapic keyboard_controller mmio pci.bus pci.function pci.ports pic pit pit_channel
    pm_timer ports rtc rtc_calendar rtc_memory rtc_time system_control uart
    lapic.base lapic.command lapic.destination lapic.local lapic.mmio lapic.msr lapic.posted lapic.priority lapic.public
    virtio.block virtio.chain virtio.common_configuration virtio.configuration virtio.device virtio.disk virtio.entropy
    virtio.disk_gather virtio.machine_begin virtio.machine_disk virtio.machine_finish virtio.machine_piece
    virtio.msix virtio.net virtio.net_control virtio.net_receive virtio.net_serve virtio.net_state
    virtio.net_transmit virtio.queue virtio.serve virtio.slots virtio.window
    lapic.receive lapic.registers lapic.reset lapic.state lapic.timer
""".split()
NETWORKS = ("hypervisor.net.frame_ring", "hypervisor.net.port_life", "hypervisor.net.switch")

Run = Callable[..., Any]


@functools.cache
def native_module() -> NativeModule:
    names = [*(f"hypervisor.devices.{name}" for name in MODULES), *NETWORKS]
    modules = [*(importlib.import_module(name) for name in names), handed]
    program, diagnostics = lower_program(module_functions(modules), modules, host_target())
    assert not diagnostics, "\n".join(str(diagnostic) for diagnostic in diagnostics)
    return compile_native(program, 2)


def in_cpython(function: Any, *arguments: Any) -> Any:
    return function(*arguments)


def natively(function: Any, *arguments: Any) -> Any:
    return native_module().call(function, *arguments)


everywhere = pytest.mark.parametrize("run", [in_cpython, natively])
