"""The guest that checks its virtual machine: every check once, then power-off; or a bad end, or a storm, by request."""

from __future__ import annotations

from typing import Never

from codegen.lang import Field, Hpa, Hva, Struct, address_of, fn, static, storage, u32, u64
from hypervisor.cpu.gdt import Gdt, TaskState, segments_start
from hypervisor.cpu.idt import idt_fill, idt_load
from tests.guests.check import Check
from tests.guests.checks import (
    control,
    debug,
    extended_state,
    identity,
    interrupts,
    memory,
    msr,
    port,
    virtualization,
)
from tests.guests.command_line import command_line
from tests.guests.console import say
from tests.guests.ends import end_as_asked
from tests.guests.machine import interrupts_start, power_off
from tests.guests.storms import rage_as_asked
from tests.guests.wakes import measure_as_asked

CHECKS: tuple[Check, ...] = (
    *identity.CHECKS,
    *port.CHECKS,
    *msr.CHECKS,
    *control.CHECKS,
    *memory.CHECKS,
    *virtualization.CHECKS,
    *debug.CHECKS,
    *interrupts.CHECKS,
    *extended_state.CHECKS,
)


class Tables(Struct):
    """The processor's own."""

    gdt: Gdt
    task_state: TaskState
    boot_information: Field[Hpa]


TABLES = storage(Tables)


@fn(export="pvh_boot_info")
def keep_boot_information(information: Hpa, base: u64, size: u64, tsc: u64) -> Hva:
    """Called by the entry code with what EBX held: multiboot information."""
    TABLES.boot_information = information
    return address_of(TABLES)


@fn(export="start")
def start(tables: Hpa) -> Never:
    segments_start(TABLES.gdt, TABLES.task_state)
    idt_fill()
    idt_load()
    interrupts_start()
    line = command_line(TABLES.boot_information)
    end_as_asked(line)
    rage_as_asked(line)
    measure_as_asked(line)
    failed = u32(0)
    for check in static(CHECKS):
        if check.holds():
            say(f"PASS {check.name}")
        else:
            say(f"FAIL {check.name}")
            failed += 1
    say(f"end {failed} failed")
    power_off()
