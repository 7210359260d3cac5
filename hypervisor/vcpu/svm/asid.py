"""Address space identifiers: the tag of everything that a processor's TLB knows of guests (APM vol. 2, 15.16).

There are few, so each processor gives them out anew, one generation after the other. A vCPU keeps its number while it
stays on the processor and the generation lasts. In a generation each number is given out once, and the generation
begins with a flush of everything; so a vCPU that gets a number has no translations behind it, its own of an earlier
stay included. The tag does not say which nested tables were used: a number never changes tables within a generation.
"""

from __future__ import annotations

from codegen.lang import fn, u64
from hypervisor.cpu.per_cpu import CPU, CPUS_MAX
from hypervisor.vcpu.svm.state import SVM, SvmVcpu

NO_GENERATION = 0xFFFF_FFFF_FFFF_FFFF


@fn
def holds_asid(state: SvmVcpu) -> bool:
    """Whether the vCPU's number is of this processor's present generation: no two processors have the same one."""
    return state.asid_generation == CPU.current.asid_generation


@fn
def give_up_asid(state: SvmVcpu) -> None:
    """What is cached behind the vCPU's number is never used again."""
    state.asid_generation = NO_GENERATION


@fn(cold=True)
def take_asid(state: SvmVcpu) -> None:
    """The next number, which nobody has had in this generation. 0 is the host's."""
    own = CPU.here()
    if own.asids_left == 0:
        start_generation()
    state.vmcb.control.asid = SVM.asids - own.asids_left
    state.asid_generation = own.asid_generation
    own.asids_left -= 1


@fn(cold=True)
def start_generation() -> None:
    """Every vCPU needs a new number on this processor, and the next entry drops all translations."""
    own = CPU.here()
    own.asid_generation = (own.asid_generation & ~(CPUS_MAX - 1)) + CPUS_MAX + u64(own.index)
    own.asids_left = SVM.asids - 1
    own.asid_flush = True
