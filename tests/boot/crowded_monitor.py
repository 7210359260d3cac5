"""A monitor on several processors that goes wrong on purpose: the command line's first letter says how."""

from __future__ import annotations

from typing import Never

from codegen.lang import (
    Atomic,
    Hpa,
    Struct,
    fn,
    implements,
    intrinsic,
    pause,
    rdmsr,
    rdtsc,
    sti_hlt,
    storage,
    u32,
    u64,
    wrmsr,
)
from hypervisor.console.console import console_interrupt
from hypervisor.console.log import log
from hypervisor.cpu import processors
from hypervisor.cpu.panic import panic
from hypervisor.cpu.per_cpu import CPU
from hypervisor.cpu.processors import processors_running
from hypervisor.cpu.smp.start import processors_start
from hypervisor.cpu.stacks import leave_loader_stack
from hypervisor.machine import BOOT, machine_begin, machine_complete
from hypervisor.time.clock import ns_to_tsc

ALL_PANIC = 0x61  # a
OTHER_PANICS = 0x6F  # o
ONE_IS_DEAF = 0x64  # d
SKEWED_CLOCK = 0  # no letter: the ISO has no command line
IA32_TSC = 0x10
SKEW = 1_000_000
DEAF = 2
EFER, EFER_SVME = 0xC000_0080, 1 << 12


class Orders(Struct):
    """For all processors: 0, or the letter."""

    letter: Atomic[u32]


ORDERS = storage(Orders)


@fn(export="start")
def start(boot_info: Hpa) -> Never:
    leave_loader_stack(machine_begin(boot_info))


@fn(export="start_on_own_stack")
def start_on_own_stack() -> Never:
    machine_complete()
    letter = u32(BOOT.command_line[0])
    if letter == SKEWED_CLOCK:
        wrmsr(u32(IA32_TSC), rdtsc() + SKEW)
    processors_start(BOOT, False)
    if letter == SKEWED_CLOCK:
        log("the clock has been looked at")
    ORDERS.letter.store(letter)
    wait_a_moment()
    if letter == ALL_PANIC or letter == ONE_IS_DEAF:
        panic(f"the first of {processors_running()} cannot go on")
    while True:
        console_interrupt()


@fn
def wait_a_moment() -> None:
    """A millisecond."""
    end = rdtsc() + ns_to_tsc(u64(1_000_000))
    while rdtsc() < end:
        pause()


@intrinsic("clgi", "~{memory}")
def clgi() -> None:
    """No interrupt reaches the processor, NMIs included (APM vol. 2, 15.17)."""
    raise NotImplementedError


@implements(processors.processor_loop)
@fn
def follow_orders() -> Never:
    while ORDERS.letter.load() == 0:
        pause()
    letter = ORDERS.letter.load()
    if letter == ONE_IS_DEAF and CPU.current.index == DEAF:
        wrmsr(u32(EFER), rdmsr(u32(EFER)) | EFER_SVME)
        clgi()
        while True:
            pause()
    if letter == ALL_PANIC or (letter == OTHER_PANICS and CPU.current.index == 1):
        panic(f"processor {CPU.current.index} cannot go on")
    while True:
        sti_hlt()
