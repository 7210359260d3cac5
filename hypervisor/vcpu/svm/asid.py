"""Address space identifiers: the tag of everything that a processor's TLB knows of guests (APM vol. 2, 15.16).

There are few, so each processor gives them out anew, one generation after the other. A vCPU keeps its number while it
stays on the processor and the generation lasts. In a generation each number is given out once, and the generation
begins with a flush of everything; so a vCPU that gets a number has no translations behind it, its own of an earlier
stay included. The tag does not say which nested tables were used: a number never changes tables within a generation.
"""

from __future__ import annotations

from codegen.lang import Field, Struct, fn, storage_array, u32, u64
from hypervisor.cpu.per_cpu import CPU, CPUS_MAX
from hypervisor.vcpu.svm.state import SVM, SvmVcpu


class AsidSpace(Struct):
    """The numbers of one processor."""

    generation: Field[u64]
    given: Field[u32]  # numbers 1 to `given` are given out
    flush: Field[bool]  # translations of earlier generations may be there: the next entry drops all


ASIDS = storage_array(AsidSpace, CPUS_MAX)


@fn
def own_asids() -> AsidSpace:
    """Those of this processor."""
    return ASIDS[CPU.current.index]


@fn
def holds_asid(state: SvmVcpu) -> bool:
    """Whether the vCPU's number is of this processor's present generation. 0 is the host's, so it means none."""
    here = state.asid_cpu == CPU.current.index
    return state.asid != 0 and here and state.asid_generation == own_asids().generation


@fn
def take_asid(state: SvmVcpu) -> None:
    """The next number, which nobody has had in this generation."""
    own = own_asids()
    if own.generation == 0 or own.given + 1 >= SVM.asids:
        start_generation()
    own.given += 1
    state.asid = own.given
    state.asid_cpu = CPU.current.index
    state.asid_generation = own.generation
    state.vmcb.control.asid = own.given


@fn
def start_generation() -> None:
    """Every vCPU needs a new number on this processor, and the next entry drops all translations."""
    own = own_asids()
    own.generation += 1
    own.given = 0
    own.flush = True
