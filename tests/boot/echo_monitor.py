"""A monitor without guests that sends back what is typed, through the guests' console queue."""

from __future__ import annotations

from typing import Never

from codegen.lang import Array, Hpa, Struct, at, cli, fn, span_of, sti_hlt, storage, u8, u32
from hypervisor.console.console import console_interrupt, console_take_input
from hypervisor.console.guests import console_put_guest
from hypervisor.console.log import log
from hypervisor.cpu.per_cpu import CPU
from hypervisor.cpu.stacks import leave_loader_stack
from hypervisor.machine import machine_begin, machine_complete

END = 0x04  # what ends the typing


class Byte(Struct, size=1):
    value: Array[u8] = at(0, count=1)


BYTE = storage(Byte)


@fn(export="start")
def start(boot_info: Hpa) -> Never:
    leave_loader_stack(machine_begin(boot_info))


@fn(export="start_on_own_stack")
def start_on_own_stack() -> Never:
    machine_complete()
    log("echo")
    while True:
        byte = console_take_input()
        if byte is None:
            sti_hlt()
            cli()
        elif byte == END:
            log(f"{CPU.here().uart_interrupts} UART interrupts")
            console_interrupt()
        else:
            BYTE.value[0] = byte
            console_put_guest(u32(0), span_of(BYTE))
