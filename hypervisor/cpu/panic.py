"""The end: what went wrong, the registers, the calls that led there, and a processor that stops."""

from __future__ import annotations

from typing import Never

from codegen.lang import (
    Atomic,
    Span,
    Struct,
    TextSink,
    cli,
    fn,
    hlt,
    implements,
    read_cr0,
    read_cr2,
    read_cr3,
    read_cr4,
    span,
    storage,
    u32,
)
from hypervisor.console.console import console_line, console_seize
from hypervisor.console.kept_log import KEPT_LOG, Ending
from hypervisor.console.log import Level, begin_line, keep_line, log_panic, put_signed, put_text, put_unsigned
from hypervisor.cpu.per_cpu import CPU, STOP_DONE
from hypervisor.cpu.spin_lock import LockPlace, lock_order_broken
from hypervisor.cpu.stack_trace import frame_pointer, print_place, print_stack
from hypervisor.cpu.stop_others import print_processors, stop_others
from hypervisor.cpu.symbols import choose_symbols
from hypervisor.cpu.trap_frame import TrapFrame
from hypervisor.vcpu.event import Vector


class PanicState(Struct):
    """Whether a panic has begun: another one, inside of it or on another processor, says no more."""

    begun: Atomic[u32]


PANIC = storage(PanicState)


@fn(cold=True)
def begin_panic() -> None:
    """From here on nothing is queued, nothing interrupts, and no other processor runs."""
    cli()
    if PANIC.begun.exchange(u32(1)) != 0:
        CPU.here().stop.fetch_or(STOP_DONE)
        stop()
    stop_others()
    console_seize()
    begin_line()


@fn(cold=True)
def print_reason() -> None:
    """The line that every watcher of the console looks for; first of all there, whatever else is broken."""
    text = CPU.here().line.span()
    console_line(span(b"PANIC: "), text)
    KEPT_LOG.ending = Ending.PANIC
    keep_line(Level.PANIC, text)
    print_processors()
    choose_symbols()


@fn(cold=True)
def end_panic() -> Never:
    """After `panic(…)`: the calls that led to it."""
    print_reason()
    print_stack(frame_pointer())
    stop()


@fn(cold=True)
def stop() -> Never:
    """This processor does nothing any more."""
    while True:
        cli()
        hlt()


panic = TextSink(
    begin=begin_panic, text=put_text, unsigned=put_unsigned, signed=put_signed, end=end_panic, noreturn=True
)
report = TextSink(begin=begin_panic, text=put_text, unsigned=put_unsigned, signed=put_signed, end=print_reason)


@implements(lock_order_broken)
@fn(cold=True)
def panic_over_locks(held: LockPlace, wanted: LockPlace) -> Never:
    """The calls that the panic shows lead to the lock that was wanted."""
    panic(f"lock order: {wanted} wanted while this processor holds {held}")


@fn(cold=True)
def panic_at(frame: TrapFrame) -> Never:
    """An exception of the monitor's own code."""
    report(f"{exception_name(u32.trunc(frame.vector))} (vector {frame.vector}, error code {frame.error:#x})")
    stop_at(frame)


@fn(cold=True)
def stop_at(frame: TrapFrame) -> Never:
    """After `report(…)` in a trap's handler: registers, and the calls that led to the trap."""
    print_registers(frame)
    print_place(frame.rip)
    print_stack(frame.rbp)
    stop()


@fn(cold=True)
def print_registers(frame: TrapFrame) -> None:
    """All that the trap saved, and the control registers."""
    log_panic(
        f"  rip {frame.rip:016x}  rsp {frame.rsp:016x}  flags {frame.rflags:016x}  cs {frame.cs:04x}  ss {frame.ss:04x}"
    )
    log_panic(f"  rax {frame.rax:016x}  rbx {frame.rbx:016x}  rcx {frame.rcx:016x}  rdx {frame.rdx:016x}")
    log_panic(f"  rsi {frame.rsi:016x}  rdi {frame.rdi:016x}  rbp {frame.rbp:016x}  r8  {frame.r8:016x}")
    log_panic(f"  r9  {frame.r9:016x}  r10 {frame.r10:016x}  r11 {frame.r11:016x}  r12 {frame.r12:016x}")
    log_panic(f"  r13 {frame.r13:016x}  r14 {frame.r14:016x}  r15 {frame.r15:016x}")
    log_panic(f"  cr0 {read_cr0():016x}  cr2 {read_cr2():016x}  cr3 {read_cr3():016x}  cr4 {read_cr4():016x}")


@fn(cold=True)
def exception_name(vector: u32) -> Span:
    """The name in the manual (SDM vol. 3A, table 6-1)."""
    found = Vector.find(vector)
    if found is None:
        return span(b"exception")
    match found:
        case Vector.DE:
            return span(b"divide error")
        case Vector.UD:
            return span(b"invalid opcode")
        case Vector.DF:
            return span(b"double fault")
        case Vector.GP:
            return span(b"general protection")
        case Vector.PF:
            return span(b"page fault")
        case Vector.MC:
            return span(b"machine check")
        case _:
            return span(b"exception")
