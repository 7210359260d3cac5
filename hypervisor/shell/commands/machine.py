"""The machine: its processors, its memory, and what the monitor has said. Counters of processors are read as they are
just now, for display only."""

from __future__ import annotations

from codegen.lang import fn, min, range, u32, u64
from hypervisor.console.console import CONSOLE
from hypervisor.console.last_run import LAST_RUN, words_for_ending
from hypervisor.console.log import LOG
from hypervisor.cpu.idle import idle_ticks
from hypervisor.cpu.per_cpu import CPUS
from hypervisor.memory.frames import FRAMES, free_memory
from hypervisor.progress import Progress
from hypervisor.sched.queues import PROCESSORS, QUEUES
from hypervisor.shell.call import Call
from hypervisor.shell.command import command
from hypervisor.shell.output import OUTPUT, end_say, say
from hypervisor.time.clock import clock_now, tsc_to_ns

LINES_PER_STEP = 8


@command("cpus")
@fn(cold=True)
def show_cpus(call: Call) -> Progress:
    """Shows each processor: its APIC ID, its idle share since the start, its scheduler's counts, its interrupts."""
    number = call.step
    own = CPUS[number]
    queue = QUEUES[number]
    idle = min(tsc_to_ns(idle_ticks(own)) // (clock_now() // 1000 + 1), u64(1000))
    say(
        f"cpu {number}: APIC {own.apic_id}, idle {idle // 10}.{idle % 10}%, {own.turns} turns, "
        f"{queue.decisions} decisions, {queue.switches} switches, {queue.pulls} pulls"
    )
    say(
        f"  interrupts: {own.kicks.load()} kicks, {own.timer_interrupts} timer, {own.uart_interrupts} UART, "
        f"{own.storage_interrupts} disk, "
        f"{own.keyboard_interrupts} keyboard, {own.spurious_interrupts} spurious, "
        f"{own.unexpected_interrupts} unexpected, {own.nmis.load()} NMI, {own.machine_checks.load()} machine checks"
    )
    return Progress.MORE if number + 1 < PROCESSORS.count else Progress.DONE


@command("mem")
@fn(cold=True)
def show_memory(call: Call) -> Progress:
    """Shows the memory that is free: runs of 2 MiB, and single frames of 4 KiB."""
    free, runs, frames = free_memory()
    say(f"free: {free >> 20} MiB, {runs} runs of 2 MiB and {frames} frames of 4 KiB")
    say(f"in use or split: {FRAMES.run_count - runs} of {FRAMES.run_count} runs up to the end of RAM")
    return Progress.DONE


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


@command("last")
@fn(cold=True)
def show_last_run(call: Call) -> Progress:
    """Shows the last lines of the run before a warm reset: with what it said of its panic, if it had one."""
    if LAST_RUN.lines == 0:
        say("nothing is left of a run before this one: RAM forgets when it has no power")
        return Progress.DONE
    if call.step == 0:
        say(f"{LAST_RUN.lines} lines of a run that ended {words_for_ending(LAST_RUN.ending)}")
        if LAST_RUN.lost != 0:
            say(f"{LAST_RUN.lost} more lines have not come through the reset")
    for _ in range(u32(LINES_PER_STEP)):
        after = LAST_RUN.ring.read(call.position, OUTPUT.line)
        if after is None:
            return Progress.DONE
        call.position = after
        end_say()
    return Progress.MORE
