"""Storms, chosen by the command line: a guest that costs the monitor as much as it can, for ever; and one that counts
beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from codegen.lang import Hpa, Span, cli, cpuid, fn, intrinsic, mmio, rdmsr, span, static, sti_hlt, u8, u16, u32, u64
from drivers.interrupt.lapic import MSR_APIC_BASE
from tests.guests.checks.msr import UNKNOWN, refuses_read
from tests.guests.command_line import asks_for
from tests.guests.console import say
from tests.guests.machine import LOCAL_APIC, Apic, read_byte, write_byte

COUNTED = 0x9000  # where the guest that counts does so: a u64
INSTRUCTIONS_PER_COUNT = 2

ENABLED = 0x1FF  # and the spurious vector
VECTOR = 0x40
PERIODIC = 1 << 17
DIVIDE_BY_1 = 0xB
SELF = 0x0004_4000
PIT_PERIODIC = 0x34  # channel 0, both bytes, mode 2
SOON = 5000  # ns: the guest really sleeps


@dataclass(frozen=True)
class Storm:
    """`rage` runs in the guest and does not come back."""

    name: Span
    rage: Callable[[], None]


@intrinsic("1: incq ($0); jmp 1b", "r,~{memory}")
def count_for_ever(address: u64) -> None:
    """Two instructions each time."""
    raise NotImplementedError


@intrinsic("sti; nop; nop; cli", "~{memory}")
def open_interrupts() -> None:
    """Let in what waits."""
    raise NotImplementedError


@fn
def count() -> None:
    count_for_ever(u64(COUNTED))


@fn
def exits() -> None:
    """An instruction, a port, an MSR and a device in memory, in turns."""
    apic = mmio(Apic, Hpa(LOCAL_APIC))
    while True:
        cpuid(u32(0), u32(0))
        read_byte(u16(0x21))
        rdmsr(u32(MSR_APIC_BASE))
        apic.spurious.read()


@fn
def faults() -> None:
    """An MSR that does not exist: each time #GP, and a line in the log if the monitor lets it."""
    while refuses_read(u32(UNKNOWN)):
        pass


@fn
def lines() -> None:
    """Console output."""
    while True:
        say("flood")


@fn
def ticks() -> None:
    """Both timers at their shortest periods, and interrupts on."""
    write_byte(u16(0x43), u8(PIT_PERIODIC))
    write_byte(u16(0x40), u8(2))
    write_byte(u16(0x40), u8(0))
    apic = apic_begin(u32(PERIODIC))
    apic.initial_count.write(u32(1))
    while True:
        open_interrupts()
        write_byte(u16(0x20), u8(0x20))
        apic.eoi.write(u32(0))


@fn
def naps() -> None:
    """Sleep so shortly that nearly all is falling asleep and waking."""
    one_shots(u32(SOON))


@fn
def stumbles() -> None:
    """HLT with a timer that is due at once."""
    one_shots(u32(1))


@fn
def one_shots(delay: u32) -> None:
    write_byte(u16(0x21), u8(0xFF))
    apic = apic_begin(u32(0))
    while True:
        cli()
        apic.initial_count.write(delay)
        sti_hlt()
        apic.eoi.write(u32(0))


@fn
def self_ipis() -> None:
    """Each taken before the next is sent."""
    write_byte(u16(0x21), u8(0xFF))
    apic = apic_begin(u32(0))
    while True:
        apic.command.write(u32(SELF | VECTOR))
        open_interrupts()
        apic.eoi.write(u32(0))


@fn
def apic_begin(mode: u32) -> Apic:
    """Software-enabled, with the timer's vector in this mode."""
    apic = mmio(Apic, Hpa(LOCAL_APIC))
    apic.spurious.write(u32(ENABLED))
    apic.divide.write(u32(DIVIDE_BY_1))
    apic.timer.write(mode | VECTOR)
    return apic


STORMS = (
    Storm(span(b"count"), count),
    Storm(span(b"exit-storm"), exits),
    Storm(span(b"msr-storm"), faults),
    Storm(span(b"flood"), lines),
    Storm(span(b"tick-storm"), ticks),
    Storm(span(b"nap-storm"), naps),
    Storm(span(b"stumble-storm"), stumbles),
    Storm(span(b"self-ipi-storm"), self_ipis),
)


@fn
def rage_as_asked(line: Span) -> None:
    """Does not come back when the command line asks for a storm."""
    for storm in static(STORMS):
        if asks_for(line, storm.name):
            say(f"{storm.name}")
            storm.rage()
