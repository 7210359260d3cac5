"""What a vCPU of either kind is at a CPUID exit, in the language's own structs: leaf 0, and nothing else to do."""

from __future__ import annotations

from typing import Any

from codegen.lang import Gpa, Hpa, address_of, span, storage, u32, u64
from hypervisor.cpu.per_cpu import PerCpu
from hypervisor.memory.guest import add_slot
from hypervisor.vcpu.vcpu import Vcpu, VcpuState
from hypervisor.vm.cpuid_table import LeafKind
from hypervisor.vm.vm import Vm

GUEST_RAM, RAM_SIZE = Hpa(16 << 20), 16 << 20
GUEST_RIP = 0x10_0000
PROTECTED_MODE = 1
CPUID = span(b"\x0f\xa2")
FAR_AWAY = 1 << 40  # the deadline, in TSC ticks


class Scene:
    """`vcpu` and `cpu` (this processor's data), with the vCPU loaded."""

    def __init__(self) -> None:
        self.vcpu: Vcpu = storage(Vcpu)
        self.cpu: PerCpu = storage(PerCpu)
        vm: Vm = storage(Vm)
        self.vcpu.vm = vm
        self.vcpu.state = VcpuState.RUNNABLE
        self.vcpu.deadline = FAR_AWAY
        self.cpu.self_address = address_of(self.cpu)
        self.cpu.loaded_vcpu = address_of(self.vcpu)
        vm.cpuid.basic[0].kind = u32(LeafKind.FIXED)
        add_slot(vm.memory, Gpa(0), u64(RAM_SIZE), GUEST_RAM, True)

    def new(self, layout: type[Any]) -> Any:
        """More zeroed memory."""
        return storage(layout)

    def address(self) -> int:
        """Of the vCPU."""
        return int(u64(address_of(self.vcpu)))

    def gs(self) -> int:
        """Of this processor's data."""
        return int(u64(address_of(self.cpu)))
