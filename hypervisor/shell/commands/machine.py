"""The machine: its processors, its memory, and what the monitor has said."""

from __future__ import annotations

from codegen.lang import fn, range, u32, u64
from hypervisor.console.console import CONSOLE
from hypervisor.console.log import LOG
from hypervisor.cpu.per_cpu import CPUS
from hypervisor.memory.frames import FRAMES
from hypervisor.sched.queues import PROCESSORS, QUEUES
from hypervisor.shell.call import Call, Progress
from hypervisor.shell.command import command
from hypervisor.shell.output import OUTPUT, end_say, say
from hypervisor.time.clock import tsc_to_ns

LINES_PER_STEP = 8
MILLISECOND = 1_000_000


@command("cpus")
@fn(cold=True)
def show_cpus(call: Call) -> Progress:
    """Shows each processor: its APIC ID, the time it has idled, the scheduler's decisions and switches, interrupts."""
    number = call.step
    own = CPUS[number]
    queue = QUEUES[number]
    interrupts = own.timer_interrupts + own.uart_interrupts + own.keyboard_interrupts
    say(
        f"cpu {number}: APIC {own.apic_id}, idle {tsc_to_ns(own.idle_tsc) // MILLISECOND} ms, "
        f"{queue.decisions} decisions, {queue.switches} switches, {queue.pulls} pulls, "
        f"interrupts: {interrupts} expected, {own.spurious_interrupts} spurious, "
        f"{own.unexpected_interrupts} unexpected, {own.nmis.load()} NMI, {own.machine_checks.load()} machine checks"
    )
    return Progress.MORE if number + 1 < PROCESSORS.count else Progress.DONE


@command("mem")
@fn(cold=True)
def show_memory(call: Call) -> Progress:
    """Shows the memory that is free: runs of 2 MiB, and single frames of 4 KiB."""
    free = FRAMES.free_runs * 2048 + FRAMES.free_frames * 4
    say(f"free: {free >> 10} MiB, {FRAMES.free_runs} runs of 2 MiB and {FRAMES.free_frames} frames of 4 KiB")
    say(f"in use or split: {used_runs()} of {FRAMES.run_count} runs up to the end of RAM")
    return Progress.DONE


@fn(cold=True)
def used_runs() -> u64:
    return FRAMES.run_count - FRAMES.free_runs


@command("log")
@fn(cold=True)
def show_log(call: Call) -> Progress:
    """Shows the monitor's last lines, those too that went to no console."""
    for _ in range(u32(LINES_PER_STEP)):
        with CONSOLE.lock:
            after = LOG.ring.read(call.position, OUTPUT.line)
        if after is None:
            return Progress.DONE
        call.position = after
        end_say()
    return Progress.MORE
