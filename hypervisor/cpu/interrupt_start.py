"""Interrupts of the host from nothing to working: 8259s asleep, local APIC, I/O APICs, the UART's line."""

from __future__ import annotations

from codegen.lang import fn, range, u8, u64
from drivers.acpi.machine import MACHINE
from drivers.console.ns16550 import COM1_IRQ
from drivers.interrupt.ioapic_driver import ioapic_route, ioapic_start
from drivers.interrupt.lapic_driver import APIC, lapic_base, lapic_id, lapic_start
from drivers.interrupt.pic_driver import pic_sleep
from hypervisor.console.console import CONSOLE, console_start_interrupts
from hypervisor.console.log import log, warn
from hypervisor.cpu.features import FEATURES
from hypervisor.cpu.interrupts import PIC_VECTOR, VECTOR_SPURIOUS, VECTOR_UART
from hypervisor.cpu.per_cpu import CPU
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
    return True


@fn(cold=True)
def route_uart() -> None:
    """Where there is no I/O APIC for it, the idle loop polls the UART."""
    if not CONSOLE.serial.present:
        return
    line = MACHINE.isa[COM1_IRQ]
    # The I/O APIC's destination has 8 bits: the first processor's ID is below 255 wherever there is no remapping.
    routed = ioapic_route(line.gsi, u8(VECTOR_UART), u8.trunc(CPU.current.apic_id), line.active_low, line.level)
    if routed:
        console_start_interrupts()
    else:
        warn(f"no I/O APIC has interrupt {line.gsi} of the serial port: it is polled")
