"""What each processor has for itself, reached through its GS base."""

from __future__ import annotations

from codegen.lang import (
    Atomic,
    BitStruct,
    Field,
    Hva,
    Struct,
    address_of,
    bit,
    bits,
    fn,
    per_cpu,
    storage_array,
    u8,
    u16,
    u32,
    u64,
    write_fs,
    write_gs,
    wrmsr,
)
from hypervisor.console.line import LineBuffer
from hypervisor.cpu.gdt import Gdt, TaskState

CPUS_MAX = 64
MSR_GS_BASE = 0xC000_0101
STOP_ASKED, STOP_DONE = 1, 2  # bits of PerCpu.stop: another processor panics; this one runs no further


class MachineCheckSetup(BitStruct, repr=u64):
    """What this processor's machine-check handler must know, in one cell."""

    banks: u8 = bits(0, 7)
    recovery: bool = bit(8)  # McgCap.recovery
    processor: u32 = bits(32, 63)  # its number


class PerCpu(Struct, align=64):
    """`self_address` comes first: `CPU.here()` reads it."""

    self_address: Field[Hva]
    index: Field[u32]
    apic_id: Field[u32]
    current_vcpu: Field[Hva]  # the vCPU whose turn it is, or 0
    held_vcpu: Field[Hva]  # the vCPU of which this processor has parts in its registers (vcpu/hold.py), or 0; of these
    loaded_vcpu: Field[Hva]  # the vCPU whose state the back end keeps in this processor, or 0
    plain_vcpu: Field[Hva]  # AMD-V: the loaded vCPU, if it may be entered without a closer look, or 0
    asid_generation: Field[u64]  # AMD-V: which numbers are valid here, 0 before the first; see svm/asid.py
    asids_left: Field[u32]  # of this generation
    asid_flush: Field[bool]  # translations of earlier generations may be here: the next entry drops all
    extended_owner: Field[Hva]  # the vCPU whose extended state is in the registers, or 0
    last_vm: Field[u64]  # incarnation of the VM whose vCPU was held here last, or 0
    locks_held: Field[u32]  # debug: bit n: a lock of LockPlace n
    reschedule: Atomic[u32]  # set by others, and by handlers of interrupts: decide anew
    release: Atomic[u32]  # set by another processor that wants the vCPU which is held here
    storage_wanted: Atomic[u32]  # set by the disks' interrupt, cleared by who collects
    timer_fired: Atomic[u32]  # set by the host timer's interrupt, cleared by who waits for it
    stack_top: Field[u64]
    kicks: Atomic[u64]  # received; others wait for it
    # Written by handlers on stacks of their own, at any moment: atomics only.
    nmis: Atomic[u64]
    stop: Atomic[u32]  # STOP_ASKED, STOP_DONE
    machine_checks: Atomic[u64]
    machine_check_setup: Atomic[MachineCheckSetup]  # set once, at this processor's start
    timer_interrupts: Field[u64]
    uart_interrupts: Field[u64]
    keyboard_interrupts: Field[u64]
    storage_interrupts: Field[u64]
    spurious_interrupts: Field[u64]
    unexpected_interrupts: Field[u64]
    last_unexpected_vector: Field[u32]
    turns: Field[u64]  # of vCPUs
    idle_tsc: Field[u64]  # ticks spent halted, but for the time
    idle_since: Atomic[u64]  # from this host TSC on, while it is halted; 0 while it is not
    gdt: Gdt
    task_state: TaskState
    line: LineBuffer  # of the log, under construction


CPU = per_cpu(PerCpu)
CPUS = storage_array(PerCpu, CPUS_MAX)


@fn(cold=True)
def per_cpu_start(index: u32) -> None:
    """Make CPUS[index] the calling processor's own."""
    own = CPUS[index]
    own.self_address = address_of(own)
    own.index = index
    # A selector write clears the base on some processors, so it comes first.
    write_fs(u16(0))
    write_gs(u16(0))
    wrmsr(u32(MSR_GS_BASE), u64(own.self_address))
