"""Second-level tables that the processor refuses: our own fault, so the VM stops, and the log names entry and rule."""

from __future__ import annotations

from codegen.lang import Gpa, Hpa, fn, phys, u32, u64
from hypervisor.console.log import log
from hypervisor.exits.registry import Resume, on_exit
from hypervisor.exits.stop import stop_with_dump
from hypervisor.memory.second_level import (
    ADDRESS_BITS,
    GPA_LIMIT,
    LARGE,
    LEVEL_4K,
    ROOT_LEVEL,
    SecondLevelTable,
    index_at,
)
from hypervisor.vcpu.contract import second_level_audit
from hypervisor.vcpu.exit import ExitKind
from hypervisor.vcpu.vcpu import Vcpu
from hypervisor.vm.vm import StopReason


@on_exit(ExitKind.MISCONFIGURED)
@fn(noinline=True, cold=True)
def stop_on_misconfigured(vcpu: Vcpu) -> Resume:
    """The walk to the address, each entry with its level, and the rule that one of them breaks."""
    log(f"{vcpu.vm.name_span()}: the second-level tables are misconfigured at guest-physical {vcpu.exit.gpa:#x}")
    report_walk(vcpu.vm.second_level_root, vcpu.exit.gpa)
    return stop_with_dump(vcpu, StopReason.CRASHED)


@fn(cold=True)
def report_walk(root: Hpa, gpa: Gpa) -> None:
    """Log the entries that lead to `gpa`, down to the first that breaks a rule: what it refers to is not followed."""
    table = root
    level = u32(ROOT_LEVEL)
    while u64(gpa) < GPA_LIMIT:
        index = index_at(u64(gpa), level)
        entry = phys(SecondLevelTable, table).entries[index]
        log(f"  level {level}: entry {index} of the table at {table:#x} is {entry:#x}")
        if not second_level_audit(entry, level):
            return
        if entry == 0 or level == LEVEL_4K or (entry & LARGE != 0 and level < ROOT_LEVEL):
            log("    no rule is broken")
            return
        table = Hpa(entry & ADDRESS_BITS)
        level -= 1
