"""Interrupts of the host from nothing to working: 8259s asleep, local APIC, I/O APICs, the console's lines."""

from __future__ import annotations

from codegen.lang import fn, range, u8, u16, u32, u64
from drivers.acpi.machine import MACHINE
from drivers.console.ns16550 import COM1, COM1_IRQ, COM2_IRQ
from drivers.interrupt.ioapic_driver import ioapic_route, ioapic_start
from drivers.interrupt.lapic_driver import APIC, lapic_base, lapic_id, lapic_start
from drivers.interrupt.pic_driver import pic_sleep
from drivers.keyboard.controller import KEYBOARD_IRQ
from drivers.keyboard.keyboard import KeyboardFound
from hypervisor.console.console import CONSOLE, console_start_interrupts
from hypervisor.console.keyboard import console_find_keyboard, console_keyboard_interrupts
from hypervisor.console.log import log, warn
from hypervisor.cpu.features import FEATURES
from hypervisor.cpu.interrupts import PIC_VECTOR, VECTOR_CTL, VECTOR_KEYBOARD, VECTOR_SPURIOUS, VECTOR_UART
from hypervisor.cpu.per_cpu import CPU
from hypervisor.ctl.port import ctl_port_listen, ctl_port_start
from hypervisor.memory.paging import map_device

REGISTER_PAGE = 4096


@fn(cold=True)
def interrupts_start() -> bool:
    """Interrupts stay masked in RFLAGS. False when no frame is left to map the registers."""
    pic_sleep(u8(PIC_VECTOR))
    if not map_device(lapic_base(), u64(REGISTER_PAGE)):
        return False
    lapic_start(FEATURES.x2apic, u8(VECTOR_SPURIOUS))
    CPU.here().apic_id = lapic_id()
    for i in range(MACHINE.ioapic_count):
        entry = MACHINE.ioapics[i]
        if not map_device(entry.base, u64(REGISTER_PAGE)):
            return False
        ioapic_start(entry.base, entry.first_gsi)
    if APIC.x2apic:
        log(f"interrupts: x2APIC {CPU.current.apic_id}, {MACHINE.ioapic_count} I/O APICs")
    else:
        log(f"interrupts: xAPIC {CPU.current.apic_id}, {MACHINE.ioapic_count} I/O APICs")
    route_uart()
    start_keyboard()
    route_ctl()
    return True


@fn(cold=True)
def route_uart() -> None:
    """Where there is no I/O APIC for it, the idle loop polls the UART."""
    if not CONSOLE.serial.present:
        return
    if route_isa(u32(COM1_IRQ), u8(VECTOR_UART)):
        console_start_interrupts()
    else:
        warn(f"no I/O APIC has interrupt {MACHINE.isa[COM1_IRQ].gsi} of the serial port: it is polled")


@fn(cold=True)
def route_isa(number: u32, vector: u8) -> bool:
    """Send an ISA interrupt to this processor. False when no I/O APIC has it."""
    line = MACHINE.isa[number]
    # The I/O APIC's destination has 8 bits: the first processor's ID is below 255 wherever there is no remapping.
    return ioapic_route(line.gsi, vector, u8.trunc(CPU.current.apic_id), line.active_low, line.level)


@fn(cold=True)
def start_keyboard() -> None:
    """A PS/2 keyboard types like the serial line. Who has neither is told, on the screen."""
    found = console_find_keyboard()
    if found == KeyboardFound.FOUND:
        if route_isa(u32(KEYBOARD_IRQ), u8(VECTOR_KEYBOARD)):
            console_keyboard_interrupts()
            log("a PS/2 keyboard: Ctrl-A ? on it helps")
        else:
            warn(f"no I/O APIC has interrupt {MACHINE.isa[KEYBOARD_IRQ].gsi} of the keyboard: it is polled")
    elif not CONSOLE.serial.present:
        warn(f"nothing can be typed: there is no serial port at {u16(COM1):#x}, and of a PS/2 keyboard: {found}")
        warn("connect a PS/2 keyboard, or let the firmware emulate one for USB keyboards, or use a serial port")


@fn(cold=True)
def route_ctl() -> None:
    """Without an interrupt the port is served once a second."""
    if ctl_port_start() and route_isa(u32(COM2_IRQ), u8(VECTOR_CTL)):
        ctl_port_listen()
