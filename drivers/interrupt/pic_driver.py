"""The pair of 8259s is put to sleep: the I/O APIC does its work."""

from __future__ import annotations

from codegen.lang import fn, ports, u8, u16
from drivers.interrupt.pic import CASCADE_IRQ, PIC_MASTER_PORT, PIC_SLAVE_PORT, Icw1, Icw4, Pic8259

ALL_MASKED = 0xFF


@fn(cold=True)
def pic_sleep(first_vector: u8) -> None:
    """Initialise both, so that a spurious interrupt arrives at first_vector + 7 or + 15, and mask every line."""
    master = ports(Pic8259, u16(PIC_MASTER_PORT))
    slave = ports(Pic8259, u16(PIC_SLAVE_PORT))
    start = u8(Icw1(icw4_needed=True, start=True))
    master.command.write(start)
    slave.command.write(start)
    master.data.write(first_vector)
    slave.data.write(first_vector + 8)
    master.data.write(1 << CASCADE_IRQ)  # which line the slave is on
    slave.data.write(CASCADE_IRQ)  # the slave's own number
    master.data.write(u8(Icw4(x86=True)))
    slave.data.write(u8(Icw4(x86=True)))
    master.data.write(ALL_MASKED)
    slave.data.write(ALL_MASKED)
