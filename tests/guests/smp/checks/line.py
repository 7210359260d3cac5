"""A line of the I/O APIC, delivered to one processor or another."""

from __future__ import annotations

from codegen.lang import Hpa, cli, fn, mmio, range, sti, u8, u16, u32, u64
from drivers.interrupt.ioapic import IOAPIC_BASE, REGISTER_REDIRECTION, IoApicRegisters
from tests.guests.check import check, checks_of
from tests.guests.machine import timer_in, write_byte
from tests.guests.smp.apic import LOGICAL, end_of_interrupt, take_errors
from tests.guests.smp.processor import COUNT, CPUS, Processor
from tests.guests.smp.task import done, give, task
from tests.guests.smp.vectors import VECTOR_LINE
from tests.guests.smp.wait import came, forget, open_interrupts, reached, received, rest, settle

TIMER_PIN, UART_PIN = 2, 4
UART_ENABLE, UART_MODEM = 0x3F9, 0x3FC
OUT2, TRANSMITTER_EMPTY = 0x0B, 0x02  # with DTR and RTS
LOWEST = 1 << 8
LEVEL, MASKED, REMOTE_IRR = 1 << 15, 1 << 16, 1 << 14
SHORT = 300  # ticks of 1.193 MHz
ROUNDS = 8
ILLEGAL = 5
RECEIVE_ILLEGAL = 1 << 6


@fn
def aim(pin: u32, low: u32, destination: u32) -> None:
    """Write a redirection entry, masked in between."""
    window = mmio(IoApicRegisters, Hpa(IOAPIC_BASE))
    window.select.write(u32(REGISTER_REDIRECTION) + 2 * pin)
    window.data.write(u32(MASKED))
    window.select.write(u32(REGISTER_REDIRECTION + 1) + 2 * pin)
    window.data.write(destination << 24)
    window.select.write(u32(REGISTER_REDIRECTION) + 2 * pin)
    window.data.write(low)


@fn
def remote_irr() -> bool:
    """Of the level-triggered line."""
    window = mmio(IoApicRegisters, Hpa(IOAPIC_BASE))
    window.select.write(u32(REGISTER_REDIRECTION + 2 * UART_PIN))
    return window.data.read() & REMOTE_IRR != 0


@fn
def raise_level() -> None:
    """The UART's line is up as long as its empty transmitter may interrupt."""
    write_byte(u16(UART_MODEM), u8(OUT2))
    write_byte(u16(UART_ENABLE), u8(TRANSMITTER_EMPTY))


@fn
def lower_level() -> None:
    write_byte(u16(UART_ENABLE), u8(0))


@task
@fn
def hold_one(own: Processor, argument: u64) -> u64:
    """Take one interrupt of the line, and end it when the check says so."""
    cli()
    own.hold_eoi = True
    before = own.counts[VECTOR_LINE]
    own.step = 1
    while own.counts[VECTOR_LINE] == before:
        open_interrupts()
    own.step = 2
    while not own.stop:
        pass
    own.hold_eoi = False
    end_of_interrupt()
    sti()
    return u64(1)


@task
@fn
def errors_here(own: Processor, argument: u64) -> u64:
    return u64(take_errors())


@check
@fn
def a_line_goes_to_each_processor_in_turn() -> bool:
    holds = True
    for i in range(u32(2 * COUNT)):
        whom = i % COUNT
        aim(u32(TIMER_PIN), u32(VECTOR_LINE), whom)
        forget(u32(VECTOR_LINE))
        timer_in(u16(SHORT))
        holds = came(CPUS[whom], u32(VECTOR_LINE), u32(1)) and holds
        holds = received(u32(VECTOR_LINE)) == u32(1) << (4 * whom) and holds
    aim(u32(TIMER_PIN), u32(MASKED), u32(0))
    return holds


@check
@fn
def a_lowest_priority_line_comes_once() -> bool:
    aim(u32(TIMER_PIN), u32(LOWEST | LOGICAL | VECTOR_LINE), u32(0xF))
    forget(u32(VECTOR_LINE))
    for _ in range(u32(ROUNDS)):
        timer_in(u16(SHORT))
        for _ in range(u32(2)):
            settle()
    aim(u32(TIMER_PIN), u32(MASKED), u32(0))
    total = u32(0)
    for i in range(u32(COUNT)):
        total += CPUS[i].counts[VECTOR_LINE]
    return total == ROUNDS


@check
@fn
def a_level_is_ended_by_the_processor_that_took_it() -> bool:
    """Remote IRR stays until its EOI; then a line that is still up comes again, one that is down does not."""
    lower_level()
    aim(u32(UART_PIN), u32(LEVEL | VECTOR_LINE), u32(2))
    forget(u32(VECTOR_LINE))
    give(u32(2), u32(hold_one.number), u64(0))
    holds = reached(CPUS[2], u64(1))
    raise_level()
    holds = reached(CPUS[2], u64(2)) and holds
    settle()
    holds = holds and remote_irr() and CPUS[2].counts[VECTOR_LINE] == 1
    lower_level()
    settle()
    holds = holds and remote_irr()
    CPUS[2].stop = True
    holds = done(u32(2)) and holds
    holds = holds and not remote_irr() and received(u32(VECTOR_LINE)) == 0x100
    aim(u32(UART_PIN), u32(MASKED), u32(0))
    return holds


@check
@fn
def a_level_that_stays_comes_again() -> bool:
    lower_level()
    aim(u32(UART_PIN), u32(LEVEL | VECTOR_LINE), u32(3))
    forget(u32(VECTOR_LINE))
    raise_level()
    patience = u32(10_000)
    while CPUS[3].counts[VECTOR_LINE] < 5 and patience != 0:
        rest()
        patience -= 1
    lower_level()
    aim(u32(UART_PIN), u32(MASKED), u32(0))
    settle()
    return CPUS[3].counts[VECTOR_LINE] >= 5 and CPUS[0].counts[VECTOR_LINE] == 0


@check
@fn
def an_illegal_vector_of_a_line_is_the_receivers_error() -> bool:
    give(u32(1), u32(errors_here.number), u64(0))
    ready = done(u32(1))
    aim(u32(TIMER_PIN), u32(ILLEGAL), u32(1))
    timer_in(u16(SHORT))
    settle()
    settle()
    aim(u32(TIMER_PIN), u32(MASKED), u32(0))
    give(u32(1), u32(errors_here.number), u64(0))
    return ready and done(u32(1)) and CPUS[1].answer & RECEIVE_ILLEGAL != 0 and CPUS[1].counts[ILLEGAL] == 0


CHECKS = checks_of(globals())
