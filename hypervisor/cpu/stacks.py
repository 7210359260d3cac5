"""This processor's stacks: one to run on, and one each for #DF, NMI and #MC, all between guard pages."""

from __future__ import annotations

from typing import Never

from codegen.lang import fn, stub, u32, u64
from hypervisor.cpu.gdt import IST_DOUBLE_FAULT, IST_MACHINE_CHECK, IST_NMI
from hypervisor.cpu.per_cpu import PerCpu
from hypervisor.memory.paging import map_stack

STACK_BYTES = 32 << 10
TRAP_STACK_BYTES = 8 << 10
STACKS_PER_CPU = 4


@fn(cold=True)
def stacks_map(own: PerCpu, index: u32) -> bool:
    """Map all four for CPUS[index] and name them in its TSS. False when no frame is left."""
    first = index * STACKS_PER_CPU
    run = map_stack(first, u64(STACK_BYTES))
    double_fault = map_stack(first + 1, u64(TRAP_STACK_BYTES))
    nmi = map_stack(first + 2, u64(TRAP_STACK_BYTES))
    machine_check = map_stack(first + 3, u64(TRAP_STACK_BYTES))
    if run is None or double_fault is None or nmi is None or machine_check is None:
        return False
    own.stack_top = run
    own.task_state.ist[IST_DOUBLE_FAULT - 1] = double_fault
    own.task_state.ist[IST_NMI - 1] = nmi
    own.task_state.ist[IST_MACHINE_CHECK - 1] = machine_check
    return True


TEXT = """
    mov rsp, rdi
    xor ebp, ebp                    /* the chain of frames ends here */
    {{ call("start_on_own_stack") }}
    ud2
"""


@stub(TEXT, externals=("start_on_own_stack",))
def leave_loader_stack(top: u64) -> Never:
    """Go on in `start_on_own_stack`, on an empty stack."""
    ...
