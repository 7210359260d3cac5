"""The new processor's side: make itself like the first one, then do what it is asked, step by step, until it runs."""

from __future__ import annotations

from typing import Never

from codegen.lang import (
    Field,
    Struct,
    fn,
    pause,
    rdmsr,
    read_cr0,
    read_cr4,
    storage,
    u8,
    u32,
    u64,
    write_cr0,
    write_cr3,
    write_cr4,
    wrmsr,
)
from drivers.interrupt.lapic_driver import APIC, lapic_id, lapic_start
from hypervisor.cpu.features import FEATURES
from hypervisor.cpu.gdt import segments_start
from hypervisor.cpu.idt import idt_load
from hypervisor.cpu.interrupts import VECTOR_SPURIOUS
from hypervisor.cpu.machine_check import machine_check_start
from hypervisor.cpu.mitigations import mitigations_apply
from hypervisor.cpu.per_cpu import CPU, CPUS, per_cpu_start
from hypervisor.cpu.processors import processor_loop
from hypervisor.cpu.smp.sameness import compare_with_first
from hypervisor.cpu.smp.steps import START, Step
from hypervisor.cpu.smp.tsc import tsc_correct, tsc_measure_as_new
from hypervisor.cpu.xstate import xstate_start
from hypervisor.memory.page_table import TABLES
from hypervisor.time.host_timer import host_timer_start
from hypervisor.vcpu.contract import vendor_enable_cpu

IA32_PAT = 0x277


class FirstProcessor(Struct):
    """Registers that every processor has alike."""

    cr0: Field[u64]
    cr4: Field[u64]
    pat: Field[u64]


FIRST = storage(FirstProcessor)


@fn(cold=True)
def remember_first() -> None:
    """On the first processor, when all of it is set up."""
    FIRST.cr0 = read_cr0()
    FIRST.cr4 = read_cr4()
    FIRST.pat = rdmsr(u32(IA32_PAT))


@fn(export="start_processor", cold=True)
def start_processor(index: u32) -> Never:
    """Called by the trampoline, on this processor's own stack and the start's page tables, interrupts off."""
    write_cr3(u64(TABLES.root))
    own = CPUS[index]
    per_cpu_start(index)
    segments_start(own.gdt, own.task_state)
    idt_load()
    set_up()
    START.apic_id = lapic_id()
    CPU.here().apic_id = START.apic_id
    START.step.store(u32(Step.DONE))
    serve_steps()


@fn(cold=True)
def set_up() -> None:
    """What `machine_begin` and `machine_complete` did for the first one. CR0 and CR4 have all their bits before the
    mitigations and XSAVE find theirs."""
    write_cr0(FIRST.cr0)
    write_cr4(FIRST.cr4)
    wrmsr(u32(IA32_PAT), FIRST.pat)
    machine_check_start()
    lapic_start(APIC.x2apic, u8(VECTOR_SPURIOUS))
    host_timer_start(FEATURES.tsc_deadline)
    mitigations_apply()
    if FEATURES.xsave:
        xstate_start()


@fn(cold=True)
def serve_steps() -> Never:
    """Whatever START asks for. The first processor logs: this one's words would get between its own."""
    while True:
        step = Step.checked(START.step.load())
        if step == Step.COMPARE:
            compare_with_first()
        elif step == Step.MEASURE_TSC:
            tsc_measure_as_new()
        elif step == Step.ADJUST_TSC:
            tsc_correct()
        elif step == Step.VIRTUALIZE:
            START.missing = u32(vendor_enable_cpu(START.host_area))
        elif step == Step.RUN:
            START.step.store(u32(Step.DONE))
            processor_loop()
        else:
            pause()
            continue
        START.step.store(u32(Step.DONE))
