"""Which vCPU a processor holds: its VMCS is current and its unswitched registers are in the processor.

The monitor uses none of these registers (SYSCALL, SWAPGS, CR2, DR0 to DR6), so an exit and an entry leave them alone.
They change hands only when another vCPU is loaded.
"""

from __future__ import annotations

from codegen.lang import (
    Hva,
    address_of,
    fn,
    implements,
    rdmsr,
    read_cr2,
    read_dr0,
    read_dr1,
    read_dr2,
    read_dr3,
    read_dr6,
    u32,
    u64,
    view_at,
    write_cr2,
    write_dr0,
    write_dr1,
    write_dr2,
    write_dr3,
    write_dr6,
    wrmsr,
)
from hypervisor.cpu.per_cpu import CPU
from hypervisor.vcpu import contract
from hypervisor.vcpu.vcpu import Vcpu
from hypervisor.vcpu.vmx import msr_index
from hypervisor.vcpu.vmx.host_state import write_host_state
from hypervisor.vcpu.vmx.instructions import InvvpidKind, invvpid, vmclear, vmptrld
from hypervisor.vcpu.vmx.state import VmxVcpu, vmx_of


@fn
def load(vcpu: Vcpu) -> None:
    """Make `vcpu` the one that this processor holds. Two instructions when it is already; as a loop it also tells the
    compiler that it is so afterwards, which saves the next test."""
    while CPU.current.loaded_vcpu != address_of(vcpu):
        switch_to(vcpu)


@fn(cold=True, noinline=True)
def switch_to(vcpu: Vcpu) -> None:
    """Give the processor to `vcpu`, taking it from the vCPU that it holds."""
    previous = CPU.current.loaded_vcpu
    if previous != Hva(0):
        vcpu_unload(view_at(Vcpu, previous))
    CPU.current.loaded_vcpu = address_of(vcpu)
    state = vmx_of(vcpu)
    assert vmptrld(state.vmcs)
    if state.host_cpu != CPU.current.self_address:
        # A VPID's translations here are of an earlier stay, which its guest's INVLPG elsewhere did not reach, or of a
        # vCPU that had the number before. While a vCPU stays, nothing else can make them stale.
        assert invvpid(InvvpidKind.SINGLE_CONTEXT, u64(state.vpid))
        write_host_state(vcpu)
        state.host_cpu = CPU.current.self_address
    give_registers(state)


@implements(contract.vcpu_unload)
@fn(cold=True)
def vcpu_unload(vcpu: Vcpu) -> None:
    """Take the processor's registers back and its VMCS to memory, so that any processor may load it (SDM 25.11.1)."""
    state = vmx_of(vcpu)
    take_registers(state)
    assert vmclear(state.vmcs)
    state.launched = 0
    CPU.current.loaded_vcpu = Hva(0)


@fn(cold=True)
def give_registers(state: VmxVcpu) -> None:
    """The processor gets the vCPU's."""
    wrmsr(u32(msr_index.IA32_STAR), state.star)
    wrmsr(u32(msr_index.IA32_LSTAR), state.lstar)
    wrmsr(u32(msr_index.IA32_CSTAR), state.cstar)
    wrmsr(u32(msr_index.IA32_FMASK), state.sfmask)
    wrmsr(u32(msr_index.IA32_KERNEL_GS_BASE), state.kernel_gs_base)
    write_cr2(state.cr2)
    write_dr0(state.dr0)
    write_dr1(state.dr1)
    write_dr2(state.dr2)
    write_dr3(state.dr3)
    write_dr6(state.dr6)


@fn(cold=True)
def take_registers(state: VmxVcpu) -> None:
    """The vCPU gets the processor's."""
    state.star = rdmsr(u32(msr_index.IA32_STAR))
    state.lstar = rdmsr(u32(msr_index.IA32_LSTAR))
    state.cstar = rdmsr(u32(msr_index.IA32_CSTAR))
    state.sfmask = rdmsr(u32(msr_index.IA32_FMASK))
    state.kernel_gs_base = rdmsr(u32(msr_index.IA32_KERNEL_GS_BASE))
    state.cr2 = read_cr2()
    state.dr0 = read_dr0()
    state.dr1 = read_dr1()
    state.dr2 = read_dr2()
    state.dr3 = read_dr3()
    state.dr6 = read_dr6()
