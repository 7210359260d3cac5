"""The exits of RDMSR and WRMSR: find the MSR's reader or writer in constant time, or #GP."""

from __future__ import annotations

import importlib

from codegen.lang import fn, fn_table, forget_range, static, table, u8, u32, u64
from hypervisor.console.log import log
from hypervisor.exits.inject import inject_general_protection
from hypervisor.exits.msr import policy
from hypervisor.exits.registry import Resume, on_exit
from hypervisor.vcpu.exit import ExitKind
from hypervisor.vcpu.vcpu import Vcpu
from hypervisor.vm.vm import may_log

FILES = ("apic", "clock", "constants", "machine_check", "memory_types", "saved", "timing")

for _name in FILES:
    importlib.import_module(f"hypervisor.exits.msr.{_name}")

_classes, _readers, _writers = policy.dispatch_table()

CLASSES_MASK = (1 << (len(_classes) - 1).bit_length()) - 1
CLASSES = table(u8, [*_classes, *bytes(CLASSES_MASK + 1 - len(_classes))])
READERS = fn_table(_readers)
WRITERS = fn_table(_writers)


@fn
def find(number: u32) -> u32:
    """Index of the range that holds `number`, plus 1; 0 when the policy does not name it. The guest chooses `number`,
    and what is found chooses a function: so not even a guess may read beside the table (XSA-261)."""
    for first, length in static(policy.WINDOWS):
        offset = number.wrapping_sub(u32(first))
        if offset < length:
            return u32(CLASSES[forget_range(u64(offset + static(start_of(first)))) & CLASSES_MASK])
    return u32(0)


def start_of(first: int) -> int:
    """Where the window that begins at MSR `first` begins in CLASSES."""
    position = 0
    for start, length in policy.WINDOWS:
        if start == first:
            return position
        position += length
    raise ValueError(f"no window begins at {first:#x}")


@on_exit(ExitKind.RDMSR)
@fn(inline=True)
def read_msr(vcpu: Vcpu) -> Resume:
    """RDMSR: EDX:EAX from the policy; an unknown MSR is #GP(0) and leaves the registers as they are."""
    regs = vcpu.regs
    number = u32.trunc(regs.rcx)
    index = find(number)
    if index == 0:
        return refuse(vcpu, number)
    value = READERS[index - 1](vcpu, number)
    if value is None:
        return inject_general_protection(vcpu)
    regs.rax = value & 0xFFFF_FFFF
    regs.rdx = value >> 32
    return Resume.NEXT_INSTRUCTION


@on_exit(ExitKind.WRMSR)
@fn
def write_msr(vcpu: Vcpu) -> Resume:
    """WRMSR: #GP(0) for an unknown MSR and for a value that hardware would refuse."""
    regs = vcpu.regs
    number = u32.trunc(regs.rcx)
    index = find(number)
    if index == 0:
        return refuse(vcpu, number)
    value = (regs.rdx << 32) | (regs.rax & 0xFFFF_FFFF)
    if not WRITERS[index - 1](vcpu, number, value):
        return inject_general_protection(vcpu)
    return Resume.NEXT_INSTRUCTION


@fn(noinline=True)
def refuse(vcpu: Vcpu, number: u32) -> Resume:
    """An MSR that the policy does not name."""
    if may_log(vcpu.vm):
        log(f"{vcpu.vm.name_span()}: unknown MSR {number:#x} refused with #GP")
    return inject_general_protection(vcpu)
