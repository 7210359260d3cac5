"""The end of a run by an operator: the machine is reset, or stays where it is until it is switched off.

Both are for the first processor between turns. Guests are not asked: for them it is a power cut.
"""

from __future__ import annotations

from typing import Never

from codegen.lang import Local, Span, address_of, cli, fn, lidt, pause, rdtsc, span, u64, ud2
from drivers.chipset.reset import (
    acpi_reset_is_control,
    reset_by_acpi,
    reset_by_control,
    reset_by_keyboard_controller,
)
from drivers.console.serial import serial_drain
from hypervisor.console.console import CONSOLE, console_seize
from hypervisor.console.kept_log import KEPT_LOG, Ending
from hypervisor.console.log import Level, keep_and_show
from hypervisor.cpu.gdt import TableOperand
from hypervisor.cpu.panic import stop
from hypervisor.cpu.stop_others import stop_others
from hypervisor.time.clock import ns_to_tsc

RESET_PATIENCE = 100_000_000  # ns that a reset may take to arrive


@fn(cold=True)
def reboot_machine() -> Never:
    """Stop everybody, say so, and reset the machine; RAM keeps the log (console/kept_log.py)."""
    take_machine()
    say_ending(Ending.REBOOT, span(b"the machine is reset"))
    reset_machine()


@fn(cold=True)
def halt_machine() -> Never:
    """Stop everybody, and say so."""
    take_machine()
    say_ending(Ending.HALT, span(b"halted: the machine can be switched off"))
    stop()


@fn(cold=True)
def take_machine() -> None:
    """No other processor runs, none holds the console, and nothing interrupts."""
    cli()
    CONSOLE.lock.acquire_for_good()
    stop_others()
    console_seize()


@fn(cold=True)
def say_ending(ending: Ending, words: Span) -> None:
    """The last line of this run, sent to its last bit."""
    KEPT_LOG.ending = ending
    keep_and_show(Level.LOG, words)
    if CONSOLE.serial.present:
        serial_drain(CONSOLE.serial)


@fn(cold=True)
def reset_machine() -> Never:
    """The gentlest way first; a triple fault resets any PC (SDM vol. 3A, 6.15, "double fault exception")."""
    if not acpi_reset_is_control():
        reset_by_acpi()
        wait_for_reset()
    reset_by_control()
    wait_for_reset()
    reset_by_acpi()
    wait_for_reset()
    reset_by_keyboard_controller()
    wait_for_reset()
    no_gates = Local(TableOperand)
    no_gates.limit = 0
    no_gates.base = address_of(no_gates)
    lidt(address_of(no_gates))
    ud2()
    stop()


@fn(cold=True)
def wait_for_reset() -> None:
    """Give what was asked time to happen."""
    begin = rdtsc()
    while rdtsc().wrapping_sub(begin) < ns_to_tsc(u64(RESET_PATIENCE)):
        pause()
