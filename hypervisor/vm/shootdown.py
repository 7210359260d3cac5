"""TLB shootdown: no processor keeps what a VM's second-level tables no longer say."""

from __future__ import annotations

from codegen.lang import fn, pause, range, u32, u64
from hypervisor.cpu.per_cpu import CPU
from hypervisor.memory.translations import has_forgotten, narrow, settle
from hypervisor.sched.notify import notify
from hypervisor.vcpu.hold import release_if_asked
from hypervisor.vcpu.pool import vcpu_of
from hypervisor.vcpu.running_on import forget_for_turn
from hypervisor.vcpu.vcpu import NOBODY, VcpuWork
from hypervisor.vm.vm import Vm

FLUSH_WORK = u32(VcpuWork(tlb_flush=True))


@fn(cold=True)
def shootdown(vm: Vm) -> None:
    """After entries were taken away, narrowed or replaced, before their frames (RAM or tables) get another owner.

    The caller holds no lock: it waits for processors that run the VM's vCPUs, and they may be waiting for that lock.
    Others need no interrupt; they look at the generation when a turn of the VM begins there.
    """
    generation = narrow(vm.translations)
    tell_running(vm)
    wait_for_running(vm, generation)
    settle(vm.translations, generation)
    forget_for_turn()


@fn
def tell_running(vm: Vm) -> None:
    """Have the processors that run a vCPU of the VM leave the guest and forget."""
    for i in range(vm.vcpu_count):
        vcpu = vcpu_of(vm, i)
        cpu = vcpu.running_on.load()
        if cpu != NOBODY and cpu != CPU.current.index:
            notify(vcpu, FLUSH_WORK)


@fn
def wait_for_running(vm: Vm, generation: u64) -> None:
    """Until each of them has, or its turn has ended. Two processors may be in here for each other's VMs."""
    for i in range(vm.vcpu_count):
        vcpu = vcpu_of(vm, i)
        while True:
            cpu = vcpu.running_on.load()
            if cpu == NOBODY or cpu == CPU.current.index or has_forgotten(vm.translations, cpu, generation):
                break
            forget_for_turn()
            release_if_asked()
            pause()
