"""VMs that nothing can wake: every vCPU sleeps with interrupts off, or waits for a start-up message of another one."""

from __future__ import annotations

from codegen.lang import fn, range, u32, u64
from hypervisor.vcpu.pool import vcpu_of
from hypervisor.vcpu.vcpu import Vcpu, VcpuWork
from hypervisor.vm.order import OrderKind, ask_order
from hypervisor.vm.vm import StopReason, Vm

WAKING = u32(VcpuWork(serve=True, interrupt=True, nmi=True))


@fn
def bit_of(vcpu: Vcpu) -> u64:
    """In `vm.hopeless`."""
    return u64(1) << vcpu.index


@fn
def all_bits(vm: Vm) -> u64:
    """A bit for each vCPU."""
    return ~u64(0) >> (64 - vm.vcpu_count)


@fn
def lose_hope(vcpu: Vcpu) -> None:
    """It is about to sleep, and only another vCPU of its VM could wake it. The last one ends the VM."""
    vm = vcpu.vm
    lost = vm.hopeless.fetch_or(bit_of(vcpu)) | bit_of(vcpu)
    if lost != all_bits(vm):
        return
    for i in range(vm.vcpu_count):
        if vcpu_of(vm, i).work.load() & WAKING != 0:
            return
    # Who is woken takes its bit away before it looks at its work: none has done either.
    if vm.hopeless.load() == all_bits(vm):
        ask_order(vm, OrderKind.STOP, StopReason.HALTED)


@fn
def hope_again(vcpu: Vcpu) -> None:
    """It has been woken."""
    vcpu.vm.hopeless.fetch_and(~bit_of(vcpu))
