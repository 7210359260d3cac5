"""The host's interrupts: which vector means what. Called by the trap entry, and by a back end that took one itself."""

from __future__ import annotations

from codegen.lang import Hva, fn, u32
from drivers.interrupt.lapic_driver import lapic_eoi, lapic_in_service
from hypervisor.console.console import console_interrupt
from hypervisor.console.guests import console_wants_service
from hypervisor.console.keyboard import console_keyboard
from hypervisor.cpu.leave import leave_guest
from hypervisor.cpu.per_cpu import CPU
from hypervisor.ctl.port import CTL_PORT

FIRST_INTERRUPT = 32
PIC_VECTOR = 0x20  # 16 vectors that only spurious interrupts of the sleeping 8259s use
VECTOR_UART = 0x30
VECTOR_KEYBOARD = 0x31
VECTOR_CTL = 0x32  # the second serial port
VECTOR_STORAGE = 0x33  # of all disks
VECTOR_KICK = 0xEE  # from another processor: hypervisor/cpu/kick.py
VECTOR_TIMER = 0xEF  # the highest priority that is not special
VECTOR_SPURIOUS = 0xFF


@fn
def dispatch_interrupt(vector: u32) -> None:
    """Serve one external interrupt that the processor has accepted, end of interrupt included."""
    if vector == VECTOR_TIMER:
        on_timer()
    elif vector == VECTOR_KICK:
        on_kick()
    elif vector == VECTOR_STORAGE:
        on_storage()
    elif vector == VECTOR_UART:
        on_uart()
    elif vector == VECTOR_KEYBOARD:
        on_keyboard()
    elif vector == VECTOR_CTL:
        on_ctl()
    elif vector == VECTOR_SPURIOUS:
        on_spurious()
    else:
        on_unexpected(vector)


@fn
def on_timer() -> None:
    """The time slice or an idle wait is over: whoever waits looks at `timer_fired`. On AMD-V it may have come behind
    an exit of another cause: the next entry takes the closer look."""
    own = CPU.here()
    own.timer_interrupts += 1
    own.timer_fired.store(1)
    own.plain_vcpu = Hva(0)
    lapic_eoi()


@fn
def on_kick() -> None:
    """Another processor has left something."""
    own = CPU.here()
    own.kicks.fetch_add(1)
    lapic_eoi()
    leave_guest(own)


@fn
def on_storage() -> None:
    """The disks are served between turns."""
    own = CPU.here()
    own.storage_interrupts += 1
    lapic_eoi()
    own.storage_wanted.store(1)
    leave_guest(own)


@fn
def on_uart() -> None:
    """The EOI comes first: an edge that arrives while we serve must not be lost. A guest goes on beside a line that
    only takes what is queued: another's flood costs it 16 bytes' worth of work, and no turn."""
    CPU.here().uart_interrupts += 1
    lapic_eoi()
    console_interrupt()
    if console_wants_service():
        leave_guest(CPU.here())


@fn(cold=True)
def on_keyboard() -> None:
    """As with the UART, the EOI comes first."""
    CPU.here().keyboard_interrupts += 1
    lapic_eoi()
    console_keyboard()
    leave_guest(CPU.here())


@fn
def on_ctl() -> None:
    """The port is served between turns."""
    CPU.here().uart_interrupts += 1
    lapic_eoi()
    CTL_PORT.wanted.store(1)
    leave_guest(CPU.here())


@fn
def on_spurious() -> None:
    """The local APIC changed its mind: no EOI (SDM vol. 3A, 11.9)."""
    CPU.here().spurious_interrupts += 1


@fn
def on_unexpected(vector: u32) -> None:
    """Nobody asked for it. Only what is in service gets an EOI: the 8259s' spurious interrupts are not."""
    own = CPU.here()
    own.unexpected_interrupts += 1
    own.last_unexpected_vector = vector
    if lapic_in_service(vector):
        lapic_eoi()
