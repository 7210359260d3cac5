"""Ends of the whole machine while its processors are busy, chosen by the command line."""

from __future__ import annotations

from codegen.lang import Span, cli, fn, hlt, range, span, u8, u16, u32, u64
from hypervisor.devices.acpi.layout import RESET_PORT
from tests.guests.command_line import asks_for
from tests.guests.console import say
from tests.guests.machine import power_off, read_byte, triple_fault, write_byte
from tests.guests.smp.apic import FIXED, INITIAL_COUNT, TIMER, TO_ALL, send, write_apic
from tests.guests.smp.checks.ports import CMOS_DATA, CMOS_INDEX, hammer
from tests.guests.smp.processor import CPUS, Processor
from tests.guests.smp.start import start_all
from tests.guests.smp.task import give, give_all, task
from tests.guests.smp.vectors import VECTOR_FIXED, VECTOR_REST
from tests.guests.smp.wait import reached, settle

TRIPLE_FAULT = span(b"triple-fault")
RESET = span(b"resets")
RESET_BY_KEYBOARD = span(b"keyboard")
POWER_OFF = span(b"power-off")
ALL_HALT = span(b"all-halt")
ONE_WAKES = span(b"one-wakes")
HEARTBEAT = span(b"heartbeat")
FULL_RESET = 0x0E
KEYBOARD_COMMAND, PULSE_RESET = 0x64, 0xFE
LONG = 20_000_000  # ns
BEATS = 30
RESETS = 20
RESETS_PLACE = 0x48  # a byte of the CMOS, which a reset leaves alone


@task
@fn
def storm(own: Processor, argument: u64) -> u64:
    """Interrupts to everybody, and every device, until the machine ends."""
    while not own.stop:
        own.step += 1
        send(u32(0), u32(FIXED | TO_ALL | VECTOR_FIXED))
        hammer(own.index)
    return argument


@task
@fn
def triple_fault_here(own: Processor, argument: u64) -> u64:
    triple_fault()
    return argument


@task
@fn
def reset_machine(own: Processor, argument: u64) -> u64:
    """By port CF9H, or by the keyboard controller's pulse."""
    if argument == 0:
        write_byte(u16(RESET_PORT), u8(0))
        write_byte(u16(RESET_PORT), u8(FULL_RESET))
    else:
        write_byte(u16(KEYBOARD_COMMAND), u8(PULSE_RESET))
    while not own.stop:
        own.step += 1
    return argument


@task
@fn
def power_off_here(own: Processor, argument: u64) -> u64:
    power_off()


@task
@fn
def halt_deaf_for_ever(own: Processor, argument: u64) -> u64:
    cli()
    own.step = 1
    hlt()
    say("awake")
    return argument


@task
@fn
def halt_until_timer(own: Processor, argument: u64) -> u64:
    """Longest of all, interrupts on."""
    write_apic(u32(TIMER), u32(VECTOR_REST))
    write_apic(u32(INITIAL_COUNT), u32(LONG))
    own.step = 1
    before = own.counts[VECTOR_REST]
    while own.counts[VECTOR_REST] == before:
        hlt()
    say("woken by its timer")
    cli()
    hlt()
    return argument


@fn
def make_busy() -> bool:
    """Processors 1 and 2 make a storm; 3 is left."""
    if not start_all():
        say("FAIL start")
        return False
    give(u32(1), u32(storm.number), u64(0))
    give(u32(2), u32(storm.number), u64(0))
    return reached(CPUS[1], u64(1)) and reached(CPUS[2], u64(1))


@fn
def resets_done() -> u32:
    """How often this was called since power-up, before this time."""
    write_byte(u16(CMOS_INDEX), u8(RESETS_PLACE))
    done = read_byte(u16(CMOS_DATA))
    write_byte(u16(CMOS_INDEX), u8(RESETS_PLACE))
    write_byte(u16(CMOS_DATA), done + 1)
    return u32(done)


@fn
def halt_here() -> None:
    cli()
    hlt()
    say("awake")


@fn
def end_as_asked(line: Span) -> None:
    """Does not come back when the command line asks for an end."""
    if asks_for(line, HEARTBEAT):
        for beat in range(u32(BEATS)):
            say(f"beat {beat}")
            for _ in range(u32(50)):
                settle()
        say("end of beats")
        power_off()
    if asks_for(line, TRIPLE_FAULT):
        make_busy()
        say("triple fault")
        end_on_3(u32(triple_fault_here.number), u64(0))
    if asks_for(line, POWER_OFF):
        make_busy()
        say("power off")
        end_on_3(u32(power_off_here.number), u64(0))
    if asks_for(line, RESET):
        by_keyboard = u64(asks_for(line, RESET_BY_KEYBOARD))
        if resets_done() == RESETS:
            power_off()
        say(f"busy {make_busy()}")
        end_on_3(u32(reset_machine.number), by_keyboard)
    if asks_for(line, ALL_HALT):
        start_all()
        give_all(u32(halt_deaf_for_ever.number), u64(0))
        say("all halt")
        settle()
        halt_here()
    if asks_for(line, ONE_WAKES):
        start_all()
        give(u32(1), u32(halt_deaf_for_ever.number), u64(0))
        give(u32(2), u32(halt_until_timer.number), u64(0))
        give(u32(3), u32(halt_deaf_for_ever.number), u64(0))
        halt_here()


@fn
def end_on_3(number: u32, argument: u64) -> None:
    """Processor 3 ends the machine while this one is busy too."""
    give(u32(3), number, argument)
    hammer(u32(0))
    settle()
    say("FAIL the machine goes on")
