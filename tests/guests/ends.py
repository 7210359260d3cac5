"""Bad ends, chosen by the command line: the monitor must survive each and say what happened."""

from __future__ import annotations

from codegen.lang import (
    Field,
    Hpa,
    Span,
    Struct,
    cli,
    fn,
    hlt,
    intrinsic,
    mmio,
    phys,
    ports,
    read_cr0,
    span,
    sti_hlt,
    u8,
    u16,
    u32,
    u64,
)
from drivers.interrupt.pic import CASCADE_IRQ
from hypervisor.devices.acpi.layout import PM1_EVENT, RESET_PORT, RESET_VALUE
from hypervisor.devices.acpi.power import POWER_BUTTON as BUTTON_EVENT
from hypervisor.devices.wiring import SCI_IRQ
from tests.guests.checks.control import GP, MOV_CR, mov_cr0_rax
from tests.guests.command_line import asks_for
from tests.guests.console import say
from tests.guests.machine import LOCAL_APIC, Apic, WordPort, power_off, triple_fault, write_byte
from tests.guests.trapped import TRAPPED, came, expect

TRIPLE_FAULT = span(b"triple-fault")
RUN_AWAY = span(b"run-away")
SPIN = span(b"spin")
HALT_FOR_EVER = span(b"halt-for-ever")
BUTTON = span(b"button")
RESET = span(b"reset")
POWER_OFF = span(b"power-off")
LEAVE_PAGING = span(b"leave-paging")
CR0_PG = 1 << 31


SPIN_PAGE = 0x8000
JUMP_TO_ITSELF = 0xFEEB
INIT_ALL_OTHERS, STARTUP_ALL_OTHERS = 0xC_4500, 0xC_4600


class Word(Struct, shared=True):
    value: Field[u16]


@fn
def spin_everywhere() -> None:
    """All other processors jump to themselves, in real mode."""
    phys(Word, Hpa(SPIN_PAGE)).value = JUMP_TO_ITSELF
    apic = mmio(Apic, Hpa(LOCAL_APIC))
    apic.command.write(u32(INIT_ALL_OTHERS))
    apic.command.write(u32(STARTUP_ALL_OTHERS | SPIN_PAGE >> 12))


@intrinsic("jmpq *$0", "r,~{memory}")
def jump_to(address: u64) -> None:
    """To a linear address."""
    raise NotImplementedError


@fn
def end_as_asked(line: Span) -> None:
    """Does not come back when the command line asks for an end."""
    if asks_for(line, TRIPLE_FAULT):
        say("triple fault")
        triple_fault()
    if asks_for(line, RUN_AWAY):
        say("run away")
        jump_to(u64(0xC000_0000))
    if asks_for(line, LEAVE_PAGING):
        leave_paging()
    if asks_for(line, SPIN):
        say("spin")
        spin_everywhere()
        while True:
            pass
    if asks_for(line, HALT_FOR_EVER):
        say("halt for ever")
        cli()
        hlt()
        say("awake")
    if asks_for(line, RESET):
        say("reset")
        reset()
    if asks_for(line, POWER_OFF):
        say("power off")
        power_off()
    if asks_for(line, BUTTON):
        wait_for_button()


@fn
def reset() -> None:
    """Port CF9H."""
    write_byte(u16(RESET_PORT), u8(0))
    write_byte(u16(RESET_PORT), u8(RESET_VALUE))
    cli()
    hlt()


@fn
def wait_for_button() -> None:
    """By the SCI, with the PM1 event enabled; then power-off."""
    write_byte(u16(0x21), u8(~(1 << CASCADE_IRQ) & 0xFF))
    write_byte(u16(0xA1), u8(~(1 << SCI_IRQ - 8) & 0xFF))
    status = ports(WordPort, u16(PM1_EVENT))
    say(f"wait for the button {status.word.read() & BUTTON_EVENT}")
    TRAPPED.interrupts = 0
    ports(WordPort, u16(PM1_EVENT + 2)).word.write(u16(BUTTON_EVENT))
    while TRAPPED.interrupts == 0:
        sti_hlt()
        cli()
    say(f"interrupt {TRAPPED.last_interrupt} status {status.word.read() & BUTTON_EVENT}")
    status.word.write(u16(BUTTON_EVENT))
    say(f"cleared {status.word.read() & BUTTON_EVENT}")
    power_off()


@fn
def leave_paging() -> None:
    """In 64-bit code: #GP(0) on hardware. Not a check like the others because an emulator that lets it pass ends us."""
    old = read_cr0()
    expect(u64(MOV_CR))
    mov_cr0_rax(old & ~CR0_PG)
    if came(u32(GP), u64(0)) and read_cr0() == old:
        say("PASS paging cannot be left in 64 bit code")
    power_off()
