"""Interrupts from one processor to another, through the interrupt command register (SDM vol. 3A, 11.6 and 11.12.9)."""

from __future__ import annotations

from codegen.lang import fn, lfence, mfence, pause, range, u8, u32, u64, wrmsr
from drivers.interrupt.lapic import MSR_X2APIC_FIRST, DeliveryMode, InterruptCommand, Lapic
from drivers.interrupt.lapic_driver import APIC, registers_page

MSR_COMMAND = MSR_X2APIC_FIRST + Lapic.icr_low.offset // 16
XAPIC_ID_MAX = 0xFE  # 0xFF is everybody
DELIVERY_PATIENCE = 100_000  # readings of the delivery status: tens of milliseconds


@fn
def send_interrupt(apic_id: u32, vector: u8) -> bool:
    """An ordinary interrupt, edge-triggered. False when the APIC has not accepted it (`send_command`)."""
    return send_command(InterruptCommand(vector=vector, assert_level=True, destination=apic_id))


@fn(cold=True)
def send_nmi(apic_id: u32) -> bool:
    """A non-maskable interrupt."""
    return send_command(InterruptCommand(delivery=DeliveryMode.NMI, assert_level=True, destination=apic_id))


@fn(cold=True)
def send_init(apic_id: u32) -> bool:
    """The processor stops whatever it does, and waits for a STARTUP. Its caches and most MSRs stay."""
    return send_command(InterruptCommand(delivery=DeliveryMode.INIT, assert_level=True, destination=apic_id))


@fn(cold=True)
def send_startup(apic_id: u32, page: u8) -> bool:
    """A processor that waits for it begins in real mode at physical address `page` * 4096; any other ignores it."""
    return send_command(
        InterruptCommand(vector=page, delivery=DeliveryMode.STARTUP, assert_level=True, destination=apic_id)
    )


@fn
def send_command(command: InterruptCommand) -> bool:
    """Send it to one processor. Interrupts are off: the two halves of the register belong together.

    In xAPIC mode the one before must have left first; False when that does not happen in time, or when the mode cannot
    name the destination. x2APIC mode has no delivery status, but its WRMSR may overtake the stores before it (11.12.3).
    """
    if APIC.x2apic:
        mfence()
        lfence()
        wrmsr(u32(MSR_COMMAND), u64(command))
        return True
    if command.destination > XAPIC_ID_MAX or not command_has_left():
        return False
    page = registers_page()
    page.icr_high.write(command.destination << 24)
    page.icr_low.write(u32.trunc(u64(command)))
    return True


@fn
def command_has_left() -> bool:
    """xAPIC mode: wait until the delivery status says idle, so long as it is worth it."""
    page = registers_page()
    for _ in range(u32(DELIVERY_PATIENCE)):
        if not InterruptCommand.of(u64(page.icr_low.read())).pending:
            return True
        pause()
    return False
