"""An AMD-V machine with guests but without a guest processor: a test plays the guest, in CPython or natively."""

from __future__ import annotations

import functools
import importlib
import pkgutil
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

import hypervisor.exits
import hypervisor.vcpu.svm
import hypervisor.vm.boot
from codegen.back.jit import NativeModule, compile_native
from codegen.front.lower import lower_program, module_functions
from codegen.front.program import host_target
from codegen.lang import Gpa, Hpa, host, storage, u32, u64
from hypervisor.cpu.per_cpu import CPUS, per_cpu_start
from hypervisor.cpu.spin_lock import LockPlace, lock_start
from hypervisor.memory.guest import add_slot
from hypervisor.time.clock import clock_start
from hypervisor.vcpu.pool import VCPUS
from hypervisor.vcpu.vcpu import Vcpu
from hypervisor.vm.order import OrderKind, order_of
from hypervisor.vm.vm import StopReason, Vm
from tests.played_guest.back_end import back_end

RAM = 0x100_0000  # bytes at guest-physical 0
MEGABYTE = 0x10_0000
LONG_MODE = {"cr0": 0x8000_0011, "cr3": 0x1000, "cr4": 0x20, "efer": 0x1500, "cs": 0xA9B}
PROTECTED_MODE = {"cr0": 0x11, "cr3": 0, "cr4": 0, "efer": 0x1000, "cs": 0xC9B}
REAL_MODE = {"cr0": 0x10, "cr3": 0, "cr4": 0, "efer": 0x1000, "cs": 0x09B}
MODES = {64: LONG_MODE, 32: PROTECTED_MODE, 16: REAL_MODE}

VM = storage(Vm)

for package in (hypervisor.exits, hypervisor.vcpu.svm, hypervisor.vm.boot):
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        importlib.import_module(found.name)

ROOTS = (
    "hypervisor.archive",
    "hypervisor.devices.acpi.",
    "hypervisor.devices.mp_tables",
    "hypervisor.devices.uart",
    "hypervisor.devices.pci.",
    "hypervisor.devices.keyboard_controller",
    "hypervisor.vm.manifest",
    "hypervisor.exits.",
    "hypervisor.vm.boot.",
    "hypervisor.vm.cpuid",
    "hypervisor.vcpu.linear",
    "hypervisor.vcpu.svm.inject",
    "hypervisor.vcpu.svm.interruptibility",
)


def svm_modules() -> list[Any]:
    """All modules of the monitor's AMD-V image that are imported by now, and those that implement contracts of them."""
    for name in ("hypervisor.storage.submit", "hypervisor.vm.disk_owner"):
        importlib.import_module(name)
    parts = ("hypervisor.", "drivers.", "boot.info")
    return [m for n, m in sys.modules.items() if n.startswith(parts) and not n.startswith("hypervisor.vcpu.vmx")]


@functools.cache
def native_module() -> NativeModule:
    modules = svm_modules()
    roots = [m for m in modules if m.__name__.startswith(ROOTS) and m.__name__ != "hypervisor.exits.registry"]
    program, diagnostics = lower_program(module_functions(roots), modules, host_target())
    assert not diagnostics, "\n".join(diagnostic.render() for diagnostic in diagnostics)
    return compile_native(program, 2)


def in_cpython(function: Any, *arguments: Any) -> Any:
    return function(*arguments)


def natively(function: Any, *arguments: Any) -> Any:
    return native_module().call(function, *arguments)


Run = Callable[..., Any]
everywhere = pytest.mark.parametrize("run", [in_cpython, natively])


def amd_v() -> AbstractContextManager[None]:
    """The contract is AMD-V's."""
    return back_end("hypervisor.vcpu.svm")


def new_machine(ram: int = RAM) -> Vcpu:
    """vCPU 0 of a VM with `ram` bytes of memory, as after reset."""
    host.reset()
    clock_start(u64(1_000_000_000), u64(0))
    host.cpu.cpuid_leaves[(1, 0)] = (0x0080_0F12, 0, 1 << 26, 0)
    host.cpu.cpuid_leaves[(0x8000_000A, 0)] = (1, 16, 0, 0b100_1001)
    per_cpu_start(u32(0))
    assert CPUS[0].index == 0
    from hypervisor.vcpu.svm.create import vcpu_create
    from hypervisor.vcpu.svm.state import SVM

    SVM.next_rip, SVM.flush_by_asid, SVM.asids = True, True, 16
    VM.memory_size, VM.vcpu_count = ram, 1
    lock_start(VM.board_lock, LockPlace.BOARD)
    add_slot(VM.memory, Gpa(0), u64(ram), host.memory.allocate(ram), True)
    vcpu = VCPUS[0]
    vcpu.vm = VM
    vcpu_create(vcpu, host.memory.allocate(4 * 4096), Hpa(0x7000))
    return vcpu


def set_mode(vcpu: Vcpu, bits: int, rip: int = 0) -> None:
    """Put the guest into 16-, 32- or 64-bit code; paging is on in 64-bit mode only."""
    from hypervisor.vcpu.svm.state import save_of

    mode, save = MODES[bits], save_of(vcpu)
    save.cr0, save.cr3, save.cr4, save.efer = mode["cr0"], mode["cr3"], mode["cr4"], mode["efer"]
    save.cs.attributes, save.cs.base, save.rip = mode["cs"], 0, rip
    if bits == 64:
        map_identity()


def map_identity() -> None:
    """Guest page tables at 1000h that map the first GiB one to one, with 2 MiB pages."""
    put(0x1000, (0x2007).to_bytes(8, "little"))
    put(0x2000, (0x3007).to_bytes(8, "little"))
    put(0x3000, b"".join((i << 21 | 0x87).to_bytes(8, "little") for i in range(512)))


def stop_ordered(vm: Vm) -> StopReason | None:
    """Why the VM is to stop, if it is."""
    order = order_of(vm)
    return order.reason if order.kind == OrderKind.STOP else None


def put(gpa: int, data: bytes) -> None:
    """Bytes into guest RAM."""
    host.memory.write(VM.memory.slots[0].hpa + u64(gpa), data)


def get(gpa: int, length: int) -> bytes:
    """Bytes of guest RAM."""
    return host.memory.read(VM.memory.slots[0].hpa + u64(gpa), length)
