"""The board as the guest finds it: power-off, the 8259s and the 8254."""

from __future__ import annotations

from typing import Never

from codegen.lang import Hpa, MmioBlock, PortBlock, Reg, at, cli, fn, hlt, intrinsic, mmio, ports, u8, u16, u32
from hypervisor.devices.acpi.layout import PM1_CONTROL, SLEEP_TYPE_S5

SLEEP_ENABLE = 1 << 13
TIMER_HZ = 1_193_182
FIRST_VECTOR = 0x20
ONE_SHOT = 0x30  # channel 0, both bytes, mode 0


LOCAL_APIC = 0xFEE0_0000
NMI_TO_APIC_0 = 0x0000_4400  # the shorthand "self" cannot carry an NMI (SDM vol. 3A, table 11-3)


class Apic(MmioBlock, size=0x1000):
    """What the guest uses of its local APIC."""

    eoi: Reg[u32] = at(0xB0)
    spurious: Reg[u32] = at(0xF0)
    command: Reg[u32] = at(0x300)
    command_high: Reg[u32] = at(0x310)
    timer: Reg[u32] = at(0x320)
    initial_count: Reg[u32] = at(0x380)
    divide: Reg[u32] = at(0x3E0)


class BytePort(PortBlock, size=4):
    """Any port."""

    byte: Reg[u8] = at(0)


class WordPort(PortBlock, size=4):
    word: Reg[u16] = at(0)


@intrinsic("pushq $$0; pushq $$0; lidt (%rsp); int3", "~{memory}")
def triple_fault() -> None:
    """#BP without an IDT: #GP, #DF, shutdown."""
    raise NotImplementedError


@fn
def power_off() -> Never:
    """ACPI S5; and if that does nothing, halt."""
    ports(WordPort, u16(PM1_CONTROL)).word.write(u16(SLEEP_TYPE_S5 << 10 | SLEEP_ENABLE))
    while True:
        cli()
        hlt()


@fn
def read_byte(port: u16) -> u8:
    return ports(BytePort, port).byte.read()


@fn
def write_byte(port: u16, value: u8) -> None:
    ports(BytePort, port).byte.write(value)


@fn
def interrupts_start() -> None:
    """Both 8259s: vectors from 20H, only the timer unmasked."""
    write_byte(u16(0x20), u8(0x11))
    write_byte(u16(0x21), u8(FIRST_VECTOR))
    write_byte(u16(0x21), u8(4))
    write_byte(u16(0x21), u8(1))
    write_byte(u16(0xA0), u8(0x11))
    write_byte(u16(0xA1), u8(FIRST_VECTOR + 8))
    write_byte(u16(0xA1), u8(2))
    write_byte(u16(0xA1), u8(1))
    write_byte(u16(0x21), u8(0xFE))
    write_byte(u16(0xA1), u8(0xFF))


@fn
def interrupt_done() -> None:
    """EOI to the master."""
    write_byte(u16(0x20), u8(0x20))


@fn
def timer_in(ticks: u16) -> None:
    """One timer interrupt after so many ticks of 1.193 MHz."""
    write_byte(u16(0x43), u8(ONE_SHOT))
    write_byte(u16(0x40), u8.trunc(ticks))
    write_byte(u16(0x40), u8.trunc(ticks >> 8))


@fn
def send_nmi() -> None:
    """To the processor itself."""
    apic = mmio(Apic, Hpa(LOCAL_APIC))
    apic.command_high.write(u32(0))
    apic.command.write(u32(NMI_TO_APIC_0))
