"""An 8042 with nothing plugged in (IBM PC/AT technical reference, section 1): its self-test passes, its reset line
works."""

from __future__ import annotations

from codegen.lang import BitStruct, Field, Struct, bit, fn, u8

DATA_PORT = 0x60
COMMAND_PORT = 0x64
WRITE_CONFIGURATION = 0x60
WRITE_OUTPUT_BUFFER = 0xD2
SELF_TEST_PASSED = 0x55
CLOCK_STUCK_LOW = 0x01  # what the interface test says with nothing plugged in
OUTPUT_PORT = 0x03  # reset line high, A20 open


class KeyboardStatus(BitStruct, repr=u8):
    """Port 64h, read."""

    output_full: bool = bit(0)
    input_full: bool = bit(1)
    self_test_passed: bool = bit(2)
    last_was_command: bool = bit(3)
    not_locked: bool = bit(4)


class KeyboardController(Struct):
    """Its output buffer and its configuration byte."""

    output: Field[u8]
    output_full: Field[bool]
    configuration: Field[u8]
    argument_for: Field[u8]  # the command whose argument comes next, or 0
    last_was_command: Field[bool]


@fn(cold=True)
def keyboard_reset(keyboard: KeyboardController) -> None:
    """After power-up."""
    keyboard.zero()
    keyboard.configuration = 0x70  # translation on, both interfaces off, no interrupts


@fn
def keyboard_read_status(keyboard: KeyboardController) -> u8:
    """Port 64h."""
    return u8(
        KeyboardStatus(
            output_full=keyboard.output_full,
            self_test_passed=True,
            last_was_command=keyboard.last_was_command,
            not_locked=True,
        )
    )


@fn
def keyboard_read_data(keyboard: KeyboardController) -> u8:
    """Port 60h: the output buffer, which it empties."""
    keyboard.output_full = False
    return keyboard.output


@fn
def answer(keyboard: KeyboardController, value: u8) -> None:
    """Fill the output buffer."""
    keyboard.output = value
    keyboard.output_full = True


@fn
def keyboard_write_data(keyboard: KeyboardController, value: u8) -> None:
    """Port 60h: the argument of a command; bytes for a keyboard reach nobody."""
    keyboard.last_was_command = False
    if keyboard.argument_for == WRITE_CONFIGURATION:
        keyboard.configuration = value
    elif keyboard.argument_for == WRITE_OUTPUT_BUFFER:
        answer(keyboard, value)
    keyboard.argument_for = 0


@fn
def keyboard_write_command(keyboard: KeyboardController, value: u8) -> bool:
    """Port 64h. True when the reset line is to be pulsed."""
    keyboard.last_was_command = True
    keyboard.argument_for = 0
    match value:
        case 0x20:
            answer(keyboard, keyboard.configuration)
        case 0x60 | 0xD1 | 0xD2 | 0xD3 | 0xD4:
            keyboard.argument_for = value
        case 0xAA:
            answer(keyboard, u8(SELF_TEST_PASSED))
        case 0xA9 | 0xAB:
            answer(keyboard, u8(CLOCK_STUCK_LOW))
        case 0xAD:
            keyboard.configuration = keyboard.configuration | 0x10
        case 0xAE:
            keyboard.configuration = keyboard.configuration & ~0x10
        case 0xD0:
            answer(keyboard, u8(OUTPUT_PORT))
        case 0xFE:
            return True
        case _:
            return False
    return False
