"""The ways to reset a PC. Each returns where the machine does not know it; none waits for what it has begun."""

from __future__ import annotations

from codegen.lang import BitStruct, PortBlock, Reg, at, bit, fn, pause, ports, range, u8, u16, u32
from drivers.acpi.machine import MACHINE
from drivers.keyboard.controller import DATA_PORT, PULSE_RESET, KeyboardPorts

RESET_CONTROL_PORT = 0xCF9
PATIENCE = 100_000  # polls of the keyboard controller, each a microsecond or more on a real bus


class ResetControl(BitStruct, repr=u8):
    """Port CF9h (PIIX3 datasheet, 2.5.7; ICH10 datasheet, 13.7.5)."""

    system_reset: bool = bit(1)  # with the processors, everything else: PLTRST#
    reset_cpu: bool = bit(2)  # from 0 to 1: now
    full_reset: bool = bit(3)  # power goes off and on again, and RAM forgets


class ResetControlPort(PortBlock, size=1):
    """One byte between the PCI configuration ports."""

    control: Reg[ResetControl] = at(0)


class ResetRegister(PortBlock, size=1):
    """ACPI 6.5, 4.8.3.6."""

    value: Reg[u8] = at(0)


@fn(cold=True)
def reset_by_acpi() -> None:
    """The FADT's reset register, if it is a port."""
    if MACHINE.reset_port != 0:
        ports(ResetRegister, MACHINE.reset_port).value.write(MACHINE.reset_value)


@fn(cold=True)
def acpi_reset_is_control() -> bool:
    """Whether the FADT names port CF9h, often with a value that makes RAM forget."""
    return MACHINE.reset_port == RESET_CONTROL_PORT


@fn(cold=True)
def reset_by_control() -> None:
    """Port CF9h, and RAM stays as it is."""
    chip = ports(ResetControlPort, u16(RESET_CONTROL_PORT))
    chip.control.write(ResetControl(system_reset=True))
    chip.control.write(ResetControl(system_reset=True, reset_cpu=True))


@fn(cold=True)
def reset_by_keyboard_controller() -> None:
    """The 8042's output line 0 is the processors' RESET (IBM PC/AT technical reference, section 1)."""
    chip = ports(KeyboardPorts, u16(DATA_PORT))
    for _ in range(u32(PATIENCE)):
        if not chip.status.read().input_full:
            break
        pause()
    chip.command.write(PULSE_RESET)
