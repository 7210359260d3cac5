"""Address line 20: off, megabyte 1 echoes megabyte 0. Tried in turn: the BIOS, port 92h, the keyboard controller."""

from __future__ import annotations

from boot.bios.firmware import REGISTERS, bios_interrupt
from codegen.lang import RO, WO, Field, Hpa, PortBlock, Reg, Struct, at, fn, phys, ports, range, u8, u16, u32

PROBE = 0x500
ECHO = 0x100500
INPUT_FULL = 2
WRITE_OUTPUT_PORT = 0xD1
A20_ON = 0xDF  # output port: A20 on, no reset
FAST_A20 = 2
FAST_RESET = 1
POLLS = 100_000


class ProbeWord(Struct, size=4, shared=True):
    value: Field[u32] = at(0)


class SystemControl(PortBlock, size=1):
    """Port 92h."""

    a: Reg[u8] = at(0)


class KeyboardController(PortBlock, size=5):
    data: Reg[u8] = at(0)
    status: Reg[u8] = at(4, access=RO)
    command: Reg[u8] = at(4, access=WO)


@fn
def enable_a20() -> bool:
    """False when the line stays off."""
    if a20_is_on():
        return True
    REGISTERS.eax = 0x2401
    bios_interrupt(u32(0x15), REGISTERS)
    if a20_is_on():
        return True
    control = ports(SystemControl, u16(0x92))
    control.a.write((control.a.read() | FAST_A20) & ~FAST_RESET)
    if a20_is_on():
        return True
    keyboard = ports(KeyboardController, u16(0x60))
    wait_for_controller(keyboard)
    keyboard.command.write(u8(WRITE_OUTPUT_PORT))
    wait_for_controller(keyboard)
    keyboard.data.write(u8(A20_ON))
    wait_for_controller(keyboard)
    return a20_is_on()


@fn
def a20_is_on() -> bool:
    """Two different values: one could stand in the echo by chance."""
    low = phys(ProbeWord, Hpa(PROBE))
    high = phys(ProbeWord, Hpa(ECHO))
    saved = low.value
    low.value = 0x1234_5678
    first = high.value
    low.value = 0x8765_4321
    second = high.value
    low.value = saved
    return first != 0x1234_5678 or second != 0x8765_4321


@fn
def wait_for_controller(keyboard: KeyboardController) -> None:
    for _ in range(POLLS):
        if keyboard.status.read() & INPUT_FULL == 0:
            return
