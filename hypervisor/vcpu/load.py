"""Extended state and TSC_AUX of the vCPU that a processor runs: switched whole, when another one comes."""

from __future__ import annotations

from codegen.lang import Hva, address_of, fn, u32, view_at, wrmsr, xgetbv, xsetbv
from hypervisor.cpu.mitigations import MITIGATIONS, flush_l1d, forget_branches
from hypervisor.cpu.per_cpu import CPU
from hypervisor.cpu.xstate import XSTATE, xstate_initialise, xstate_load, xstate_save
from hypervisor.vcpu.vcpu import Vcpu
from hypervisor.vm.cpuid_table import has_rdtscp

TSC_AUX = 0xC000_0103
XCR0_RESET = 1  # x87 alone


@fn
def load_vcpu(vcpu: Vcpu) -> None:
    """Give this processor to `vcpu` for one turn. Its registers stay where they are when it has them already."""
    if CPU.current.extended_owner != address_of(vcpu):
        switch_extended_state(vcpu)
    # Between two turns the monitor works for other guests; within one it touches only this guest's data and its own.
    if MITIGATIONS.flush_l1d:
        flush_l1d()


@fn(noinline=True)
def switch_extended_state(vcpu: Vcpu) -> None:
    """Save the other vCPU's under the host's full mask, load this one's (XSA-52: never lazily)."""
    previous = CPU.current.extended_owner
    if previous != Hva(0):
        # Not only the handler of XSETBV writes it: QEMU 7.2 has no intercept of that instruction.
        view_at(Vcpu, previous).xcr0 = xgetbv(u32(0))
        xsetbv(u32(0), XSTATE.mask)
        xstate_save(view_at(Vcpu, previous).xstate)
        if MITIGATIONS.switch_barrier and view_at(Vcpu, previous).vm is not vcpu.vm:
            forget_branches()
    load_extended_state(vcpu)
    CPU.current.extended_owner = address_of(vcpu)


@fn
def load_extended_state(vcpu: Vcpu) -> None:
    """From memory into the registers."""
    xsetbv(u32(0), XSTATE.mask)
    xstate_load(vcpu.xstate)
    xsetbv(u32(0), vcpu.xcr0)
    if has_rdtscp(vcpu.vm.cpuid):
        wrmsr(u32(TSC_AUX), vcpu.tsc_aux)


@fn(cold=True)
def reset_extended_state(vcpu: Vcpu) -> None:
    """As after power-up (SDM vol. 3A, table 11-1), also where this processor holds it in its registers."""
    xstate_initialise(vcpu.xstate)
    vcpu.xcr0 = XCR0_RESET
    vcpu.tsc_aux = 0
    if CPU.current.extended_owner == address_of(vcpu):
        load_extended_state(vcpu)
