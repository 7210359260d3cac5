"""Which vCPU a processor holds: DR0 to DR3 are the guest's while it does; the monitor uses no breakpoints."""

from __future__ import annotations

from codegen.lang import (
    Hva,
    address_of,
    fn,
    implements,
    read_dr0,
    read_dr1,
    read_dr2,
    read_dr3,
    u64,
    view_at,
    write_dr0,
    write_dr1,
    write_dr2,
    write_dr3,
)
from hypervisor.cpu.per_cpu import CPU
from hypervisor.vcpu import contract
from hypervisor.vcpu.svm.instructions import vmsave
from hypervisor.vcpu.svm.state import svm_of
from hypervisor.vcpu.vcpu import Vcpu


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
    state = svm_of(vcpu)
    write_dr0(state.dr0)
    write_dr1(state.dr1)
    write_dr2(state.dr2)
    write_dr3(state.dr3)
    vmsave(state.host_physical)


@fn(cold=True)
def reset_breakpoints(vcpu: Vcpu) -> None:
    """DR0 to DR3 are 0, wherever they are. No other processor holds the vCPU."""
    state = svm_of(vcpu)
    state.dr0 = 0
    state.dr1 = 0
    state.dr2 = 0
    state.dr3 = 0
    if CPU.current.loaded_vcpu == address_of(vcpu):
        write_dr0(u64(0))
        write_dr1(u64(0))
        write_dr2(u64(0))
        write_dr3(u64(0))


@implements(contract.vcpu_unload)
@fn(cold=True)
def vcpu_unload(vcpu: Vcpu) -> None:
    """Take the debug registers back; the VMCB has everything else. Its next entry, wherever, takes a closer look."""
    state = svm_of(vcpu)
    state.dr0 = read_dr0()
    state.dr1 = read_dr1()
    state.dr2 = read_dr2()
    state.dr3 = read_dr3()
    CPU.current.plain_vcpu = Hva(0)
    CPU.current.loaded_vcpu = Hva(0)
