"""A vCPU's turn on a processor, as far as others must know of it: while it lasts, its VM's translations are in use.

Who begins a turn says so before it looks at the generation of the tables; who takes memory away makes a new generation
before it looks who has a turn (hypervisor/vm/shootdown.py). So one of the two sees the other, and no exit or entry
within the turn need look at all.
"""

from __future__ import annotations

from codegen.lang import Hva, address_of, fn, view_at
from hypervisor.cpu.per_cpu import CPU
from hypervisor.vcpu.contract import second_level_invalidate
from hypervisor.vcpu.vcpu import NOBODY, Vcpu
from hypervisor.vm.vm import Vm


@fn
def begin_turn(vcpu: Vcpu) -> None:
    """From here on this processor may enter `vcpu`."""
    CPU.current.current_vcpu = address_of(vcpu)
    assert vcpu.running_on.exchange(CPU.current.index) == NOBODY
    forget_stale(vcpu.vm)


@fn
def end_turn(vcpu: Vcpu) -> None:
    """It enters it no more. What it has cached stays, for the next turn."""
    vcpu.running_on.store(NOBODY)
    CPU.current.current_vcpu = Hva(0)


@fn
def forget_stale(vm: Vm) -> None:
    """Make this processor forget what is stale of the VM's second-level translations. The generation is read first:
    tables that change afterwards get a newer one."""
    own = vm.translations.processors[CPU.current.index]
    generation = vm.translations.generation.load()
    if own.generation.load() != generation:
        second_level_invalidate(vm.second_level_root)
        own.generation.store(generation)


@fn
def forget_for_turn() -> None:
    """The same for the VM whose turn it is here, if any: for those who wait within a turn, and may be waited for."""
    current = CPU.current.current_vcpu
    if current != Hva(0):
        forget_stale(view_at(Vcpu, current).vm)
