"""The guest: every check once, then power-off; or an end, or a storm, by request."""

from __future__ import annotations

from typing import Never

from codegen.lang import (
    Field,
    Hpa,
    Hva,
    Struct,
    address_of,
    cli,
    fn,
    fn_table,
    static,
    sti,
    sti_hlt,
    storage,
    u8,
    u16,
    u32,
    u64,
)
from hypervisor.cpu.idt import idt_fill
from tests.guests.check import Check
from tests.guests.command_line import command_line
from tests.guests.console import say
from tests.guests.machine import interrupts_start, power_off, write_byte
from tests.guests.smp.apic import apic_begin
from tests.guests.smp.checks import identity, ipi, line, memory, ports, startup, state, timer, x2apic
from tests.guests.smp.ends import end_as_asked
from tests.guests.smp.processor import CPUS, Processor, processor_begin
from tests.guests.smp.start import note_apic
from tests.guests.smp.storms import rage_as_asked
from tests.guests.smp.task import TASKS
from tests.guests.smp.trampoline import install_trampoline

CHECKS: tuple[Check, ...] = (
    *startup.CHECKS,
    *identity.CHECKS,
    *ipi.CHECKS,
    *timer.CHECKS,
    *memory.CHECKS,
    *ports.CHECKS,
    *line.CHECKS,
    *state.CHECKS,
    *x2apic.CHECKS,
)


class Boot(Struct):
    information: Field[Hpa]


BOOT = storage(Boot)


@fn
def no_task(own: Processor, argument: u64) -> u64:
    return argument


BODIES = fn_table([no_task, *(task.body for task in TASKS)])


@fn(export="pvh_boot_info")
def keep_boot_information(information: Hpa, base: u64, size: u64, tsc: u64) -> Hva:
    """Called by the entry code with what EBX held: multiboot information."""
    BOOT.information = information
    return address_of(BOOT)


@fn(export="begin_processor")
def begin_processor(index: u32) -> Never:
    """Called by the trampoline, on the processor's own stack: tasks, for ever."""
    own = CPUS[index]
    processor_begin(own, index)
    note_apic(own)
    apic_begin()
    own.task = 0
    own.hold_eoi = False
    own.starts += 1
    while True:
        cli()
        while own.task == 0:
            sti_hlt()
            cli()
        number = own.task
        sti()
        own.answer = BODIES[number](own, own.argument)
        own.task = 0


@fn(export="start")
def start(boot: Hpa) -> Never:
    idt_fill()
    processor_begin(CPUS[0], u32(0))
    interrupts_start()
    write_byte(u16(0x21), u8(0xFF))
    apic_begin()
    install_trampoline()
    sti()
    line = command_line(BOOT.information)
    end_as_asked(line)
    rage_as_asked(line)
    failed = u32(0)
    for check in static(CHECKS):
        if check.holds():
            say(f"PASS {check.name}")
        else:
            say(f"FAIL {check.name}")
            failed += 1
    say(f"end {failed} failed")
    power_off()
