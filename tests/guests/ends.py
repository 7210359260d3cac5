"""Bad ends, chosen by the command line: the monitor must survive each and say what happened."""

from __future__ import annotations

from codegen.lang import (
    Field,
    Hpa,
    Span,
    Struct,
    at,
    cli,
    fn,
    hlt,
    intrinsic,
    len,
    phys,
    phys_span,
    range,
    read_cr0,
    span,
    u32,
    u64,
    usize,
)
from tests.guests.checks.control import GP, MOV_CR, mov_cr0_rax
from tests.guests.checks.msr import UNKNOWN, refuses_read
from tests.guests.console import say
from tests.guests.machine import power_off
from tests.guests.trapped import came, expect

COMMAND_LINE_PRESENT = 1 << 2
COMMAND_LINE_MAX = 256
TRIPLE_FAULT = span(b"triple-fault")
RUN_AWAY = span(b"run-away")
SPIN = span(b"spin")
FLOOD = span(b"flood")
MSR_STORM = span(b"msr-storm")
HALT_FOR_EVER = span(b"halt-for-ever")
LEAVE_PAGING = span(b"leave-paging")
CR0_PG = 1 << 31


class MultibootInformation(Struct, size=120, align=4):
    """Specification 0.6.96, 3.3, as far as we read it."""

    flags: Field[u32] = at(0)
    command_line: Field[u32] = at(16)


@intrinsic("pushq $$0; pushq $$0; lidt (%rsp); int3", "~{memory}")
def triple_fault() -> None:
    """#BP without an IDT: #GP, #DF, shutdown."""
    raise NotImplementedError


@intrinsic("jmpq *$0", "r,~{memory}")
def jump_to(address: u64) -> None:
    """To a linear address."""
    raise NotImplementedError


@fn
def asks_for(line: Span, word: Span) -> bool:
    """Whether `word` stands anywhere in `line`."""
    if len(line) < len(word):
        return False
    for i in range(len(line) - len(word) + 1):
        if line.slice(i, len(word)).equals(word):
            return True
    return False


@fn
def command_line(information: Hpa) -> Span:
    """Up to COMMAND_LINE_MAX bytes; empty when there is none."""
    boot = phys(MultibootInformation, information)
    if boot.flags & COMMAND_LINE_PRESENT == 0:
        return phys_span(information, u64(0))
    line = phys_span(Hpa(u64(boot.command_line)), u64(COMMAND_LINE_MAX))
    length = usize(0)
    while length < COMMAND_LINE_MAX and line[length] != 0:
        length += 1
    return line.slice(usize(0), length)


@fn
def end_as_asked(information: Hpa) -> None:
    """Does not come back when the command line asks for an end."""
    line = command_line(information)
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
        while True:
            pass
    if asks_for(line, FLOOD):
        while True:
            say("flood")
    if asks_for(line, HALT_FOR_EVER):
        say("halt for ever")
        cli()
        hlt()
        say("awake")
    if asks_for(line, MSR_STORM):
        say("MSR storm")
        while refuses_read(u32(UNKNOWN)):
            pass


@fn
def leave_paging() -> None:
    """In 64-bit code: #GP(0) on hardware. Not a check like the others because an emulator that lets it pass ends us."""
    old = read_cr0()
    expect(u64(MOV_CR))
    mov_cr0_rax(old & ~CR0_PG)
    if came(u32(GP), u64(0)) and read_cr0() == old:
        say("PASS paging cannot be left in 64 bit code")
    power_off()
