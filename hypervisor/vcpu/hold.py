"""Which processor has a vCPU's registers: what an exit leaves in the processor is saved only when another vCPU, or
another processor, wants its place.

A processor holds one vCPU at a time. It gives it back when it takes another one, or when the processor that the vCPU
has gone to asks for it: that can only be while this one is idle or between two turns, so it looks for the question
there, and wherever it waits for an answer itself.
"""

from __future__ import annotations

from codegen.lang import Hva, address_of, fn, pause, u32, view_at, wrmsr, xgetbv, xsetbv
from hypervisor.cpu.kick import send_kick
from hypervisor.cpu.mitigations import MITIGATIONS, flush_l1d, forget_branches
from hypervisor.cpu.per_cpu import CPU, CPUS
from hypervisor.cpu.xstate import XSTATE, xstate_initialise, xstate_load, xstate_save
from hypervisor.vcpu.contract import vcpu_unload
from hypervisor.vcpu.running_on import forget_for_turn
from hypervisor.vcpu.vcpu import NOBODY, Vcpu
from hypervisor.vm.cpuid_table import has_rdtscp

TSC_AUX = 0xC000_0103
XCR0_RESET = 1  # x87 alone


@fn
def load_for_run(vcpu: Vcpu) -> None:
    """Before the guest runs in this turn: also the state that the monitor itself never needs."""
    if CPU.current.extended_owner != address_of(vcpu):
        load_extended_state(vcpu)
        CPU.current.extended_owner = address_of(vcpu)
    # Between two turns the monitor works for other guests; within one it touches only this guest's data and its own.
    if MITIGATIONS.flush_l1d:
        flush_l1d()


@fn
def hold(vcpu: Vcpu) -> None:
    """Make this processor the one that may have the vCPU's state in its registers, before anything of that is touched.
    Nobody else may be running it."""
    if CPU.current.held_vcpu != address_of(vcpu):
        change_hands(vcpu)


@fn(noinline=True)
def change_hands(vcpu: Vcpu) -> None:
    """Give back the one that is held, and take this one."""
    previous = CPU.current.held_vcpu
    if previous != Hva(0):
        release(view_at(Vcpu, previous))
    if CPU.current.last_vm != vcpu.vm.incarnation:
        if MITIGATIONS.switch_barrier and CPU.current.last_vm != 0:
            forget_branches()
        CPU.current.last_vm = vcpu.vm.incarnation
    fetch(vcpu)
    assert vcpu.held_by.exchange(CPU.current.index) == NOBODY
    CPU.current.held_vcpu = address_of(vcpu)


@fn
def fetch(vcpu: Vcpu) -> None:
    """Wait until no other processor holds it."""
    holder = vcpu.held_by.load()
    while holder != NOBODY:
        CPUS[holder].release.store(1)
        send_kick(holder)
        while vcpu.held_by.load() == holder:
            release_if_asked()  # the other one may be waiting for what is held here,
            forget_for_turn()  # or in a shootdown
            pause()
        holder = vcpu.held_by.load()


@fn
def release_if_asked() -> None:
    """Between turns: give back what another processor waits for."""
    if CPU.current.release.load() != 0:
        release_held()


@fn(noinline=True)
def release_held() -> None:
    """Give back the vCPU that is held here, which is not running."""
    CPU.current.release.store(0)
    if CPU.current.held_vcpu != Hva(0) and CPU.current.held_vcpu != CPU.current.current_vcpu:
        release(view_at(Vcpu, CPU.current.held_vcpu))


@fn
def release(vcpu: Vcpu) -> None:
    """All of its state goes to memory, extended state under the host's full mask (XSA-52: never lazily)."""
    if CPU.current.extended_owner == address_of(vcpu):
        # Not only the handler of XSETBV writes it: QEMU 7.2 has no intercept of that instruction.
        vcpu.xcr0 = xgetbv(u32(0))
        xsetbv(u32(0), XSTATE.mask)
        xstate_save(vcpu.xstate)
        CPU.current.extended_owner = Hva(0)
    if CPU.current.loaded_vcpu == address_of(vcpu):
        vcpu_unload(vcpu)
    CPU.current.held_vcpu = Hva(0)
    vcpu.held_by.store(NOBODY)


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
