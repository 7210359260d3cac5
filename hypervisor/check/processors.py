"""The other processors: how many there are, and whether each one hears when it is called."""

from __future__ import annotations

from codegen.lang import fn, pause, range, rdtsc, u32, u64
from drivers.acpi.machine import MACHINE
from hypervisor.console.log import log
from hypervisor.cpu.kick import send_kick
from hypervisor.cpu.per_cpu import CPU, CPUS
from hypervisor.cpu.processors import processors_running
from hypervisor.time.clock import ns_to_tsc

PATIENCE = 1_000_000_000  # nanoseconds: an emulator may give a processor no time for long


@fn(cold=True)
def check_others() -> None:
    """One line, where there is more than one processor. Why one was left out is in the log already."""
    all = MACHINE.processor_count + MACHINE.processors_beyond
    running = processors_running()
    if all <= 1:
        return
    answers = u32(0)
    for i in range(running):
        if i != CPU.current.index and hears(i):
            answers += 1
    log(f"processors: {running} used, {all.saturating_sub(running)} left out; {answers} of {running - 1} answer a call")


@fn(cold=True)
def hears(cpu: u32) -> bool:
    """Kick it, and wait for its handler."""
    before = CPUS[cpu].kicks.load()
    send_kick(cpu)
    end = rdtsc() + ns_to_tsc(u64(PATIENCE))
    while CPUS[cpu].kicks.load() == before:
        if rdtsc() >= end:
            return False
        pause()
    return True
