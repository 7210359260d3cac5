"""The 8042 keyboard controller (IBM PC/AT technical reference, section 1; Intel UPI-41/42), for our driver and for the
guests' model."""

from __future__ import annotations

from codegen.lang import RO, WO, BitStruct, PortBlock, Reg, at, bit, u8

DATA_PORT = 0x60
COMMAND_PORT = 0x64
KEYBOARD_IRQ = 1

# Commands, written to the command port. The first two answer, or take, the configuration byte at the data port.
READ_CONFIGURATION = 0x20
WRITE_CONFIGURATION = 0x60
DISABLE_MOUSE = 0xA7
TEST_MOUSE = 0xA9
SELF_TEST = 0xAA
TEST_KEYBOARD = 0xAB
DISABLE_KEYBOARD = 0xAD
ENABLE_KEYBOARD = 0xAE
READ_OUTPUT_PORT = 0xD0
WRITE_OUTPUT_PORT = 0xD1
WRITE_OUTPUT_BUFFER = 0xD2
WRITE_MOUSE_BUFFER = 0xD3
WRITE_MOUSE = 0xD4
PULSE_RESET = 0xFE

SELF_TEST_PASSED = 0x55


class KeyboardStatus(BitStruct, repr=u8):
    """The command port, read."""

    output_full: bool = bit(0)
    input_full: bool = bit(1)
    self_test_passed: bool = bit(2)
    last_was_command: bool = bit(3)
    not_locked: bool = bit(4)
    from_mouse: bool = bit(5)  # of the byte in the output buffer


class KeyboardConfiguration(BitStruct, repr=u8):
    """The configuration byte."""

    keyboard_interrupt: bool = bit(0)
    mouse_interrupt: bool = bit(1)
    self_test_passed: bool = bit(2)
    keyboard_off: bool = bit(4)
    mouse_off: bool = bit(5)
    translation: bool = bit(6)  # scan code set 2 from the keyboard becomes set 1


class KeyboardPorts(PortBlock, size=5):
    """From the data port on."""

    data: Reg[u8] = at(0)
    status: Reg[KeyboardStatus] = at(4, access=RO)
    command: Reg[u8] = at(4, access=WO)
