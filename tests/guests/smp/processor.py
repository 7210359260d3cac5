"""What each processor of the guest has for itself."""

from __future__ import annotations

from codegen.lang import (
    Array,
    Field,
    Hva,
    Struct,
    address_of,
    count,
    fn,
    per_cpu,
    read_cr4,
    storage_array,
    u8,
    u16,
    u32,
    u64,
    write_cr4,
    write_fs,
    write_gs,
    wrmsr,
)
from hypervisor.cpu.gdt import Gdt, TaskState, segments_start
from hypervisor.cpu.idt import idt_load

COUNT = 4
STACK_SIZE = 16 << 10
MSR_GS_BASE = 0xC000_0101
CR4_FXSR, CR4_SIMD_EXCEPTIONS = 1 << 9, 1 << 10


class Processor(Struct, align=64, shared=True):
    """Read and written by all processors, each field by one writer at a time."""

    self_address: Field[Hva]
    index: Field[u32]
    starts: Field[u32]  # how often it came out of the trampoline
    task: Field[u32]  # number of the task that it does, plus 1; 0: none
    argument: Field[u64]
    answer: Field[u64]
    step: Field[u64]  # how far the task is, as its check counts
    stop: Field[bool]  # the check asks the task to end
    x2apic: Field[bool]
    hold_eoi: Field[bool]  # the handler leaves EOI to the task
    echo: Field[bool]  # VECTOR_RING is answered with VECTOR_ANSWER
    nmis: Field[u32]
    counts: Array[u32] = count(256)  # interrupts of each vector
    tsc_at_timer: Field[u64]  # when the last VECTOR_TIMER was taken
    spurious_at_start: Field[u32]  # registers of the local APIC before anything was written to them
    priority_at_start: Field[u32]
    timer_at_start: Field[u32]
    id_at_start: Field[u32]
    gdt: Gdt
    task_state: TaskState


class Stack(Struct, align=16):
    bytes: Array[u8] = count(STACK_SIZE)


CPU = per_cpu(Processor)
CPUS = storage_array(Processor, COUNT)
STACKS = storage_array(Stack, COUNT)  # number 0 is not used: processor 0 stays on the entry code's


@fn
def processor_begin(own: Processor, index: u32) -> None:
    """On the processor itself: segments, traps, and GS."""
    segments_start(own.gdt, own.task_state)
    own.self_address = address_of(own)
    own.index = index
    write_fs(u16(0))
    write_gs(u16(0))
    wrmsr(u32(MSR_GS_BASE), u64(own.self_address))
    idt_load()
    write_cr4(read_cr4() | (CR4_FXSR | CR4_SIMD_EXCEPTIONS))
