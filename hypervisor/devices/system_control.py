"""Ports 61H and 92H, and the reset control register CF9H (PIIX3 datasheet, sections 2.5.3, 2.5.5 and 2.5.7)."""

from __future__ import annotations

from codegen.lang import Field, Struct, fn, u8, u32, u64
from drivers.timer.pit import SystemControl
from hypervisor.devices.pit import Pit, pit_output2, pit_set_gate2

WRITABLE = 0x0F
REFRESH_PERIOD = 15_085  # ns: the DRAM refresh request that toggles bit 4
FAST_RESET = 1 << 0  # of port 92H
A20 = 1 << 1
RESET_CPU = 1 << 2  # of port CF9H


class SystemPorts(Struct):
    """What was written. A20 is always open; the bit only reads back."""

    control: Field[u32]  # port 61H, bits 0 to 3
    port92: Field[u32]
    reset_control: Field[u32]  # port CF9H


@fn(cold=True)
def system_ports_reset(ports: SystemPorts) -> None:
    """After power-up, with A20 open."""
    ports.control = 0
    ports.port92 = A20
    ports.reset_control = 0


@fn
def port61_read(ports: SystemPorts, pit: Pit, now: u64) -> u32:
    """Gate and speaker bits, the refresh toggle, the output of counter 2."""
    toggle = u32(now // REFRESH_PERIOD & 1)
    word = SystemControl.of(u8.trunc(ports.control))
    return u32(u8(word.replace(refresh_toggle=toggle != 0, output2=pit_output2(pit, now))))


@fn
def port61_write(ports: SystemPorts, pit: Pit, value: u8, now: u64) -> None:
    """Bit 0 is the gate of counter 2."""
    ports.control = u32(value) & WRITABLE
    pit_set_gate2(pit, SystemControl.of(value).gate2, now)


@fn
def port92_write(ports: SystemPorts, value: u8) -> bool:
    """True when the fast reset bit goes from 0 to 1: the processor is to be reset."""
    reset = u32(value) & ~ports.port92 & FAST_RESET != 0
    ports.port92 = u32(value) & 3
    return reset


@fn
def reset_control_write(ports: SystemPorts, value: u8) -> bool:
    """Port CF9H. True when bit 2 goes from 0 to 1: the machine is to be reset, hard or soft."""
    reset = u32(value) & ~ports.reset_control & RESET_CPU != 0
    ports.reset_control = u32(value) & 0x0E
    return reset
