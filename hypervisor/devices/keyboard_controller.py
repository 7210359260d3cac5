"""An 8042 with nothing plugged in (IBM PC/AT technical reference, section 1): its self-test passes, its reset line
works."""

from __future__ import annotations

from codegen.lang import Field, Struct, fn, u8
from drivers.keyboard import controller
from drivers.keyboard.controller import (
    SELF_TEST_PASSED,
    WRITE_CONFIGURATION,
    WRITE_OUTPUT_BUFFER,
    KeyboardConfiguration,
    KeyboardStatus,
)

CLOCK_STUCK_LOW = 0x01  # what the interface test says with nothing plugged in
OUTPUT_PORT = 0x03  # reset line high, A20 open


class KeyboardController(Struct):
    """Its output buffer and its configuration byte."""

    output: Field[u8]
    output_full: Field[bool]
    configuration: Field[KeyboardConfiguration]
    argument_for: Field[u8]  # the command whose argument comes next, or 0
    last_was_command: Field[bool]


@fn(cold=True)
def keyboard_reset(keyboard: KeyboardController) -> None:
    """After power-up."""
    keyboard.zero()
    keyboard.configuration = KeyboardConfiguration(translation=True, keyboard_off=True, mouse_off=True)


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
        keyboard.configuration = KeyboardConfiguration.of(value)
    elif keyboard.argument_for == WRITE_OUTPUT_BUFFER:
        answer(keyboard, value)
    keyboard.argument_for = 0


@fn
def keyboard_write_command(keyboard: KeyboardController, value: u8) -> bool:
    """Port 64h. True when the reset line is to be pulsed."""
    keyboard.last_was_command = True
    keyboard.argument_for = 0
    match value:
        case controller.READ_CONFIGURATION:
            answer(keyboard, u8(keyboard.configuration))
        case controller.WRITE_CONFIGURATION | controller.WRITE_OUTPUT_PORT | controller.WRITE_OUTPUT_BUFFER:
            keyboard.argument_for = value
        case controller.WRITE_MOUSE_BUFFER | controller.WRITE_MOUSE:
            keyboard.argument_for = value
        case controller.SELF_TEST:
            answer(keyboard, u8(SELF_TEST_PASSED))
        case controller.TEST_MOUSE | controller.TEST_KEYBOARD:
            answer(keyboard, u8(CLOCK_STUCK_LOW))
        case controller.DISABLE_KEYBOARD:
            keyboard.configuration = keyboard.configuration.replace(keyboard_off=True)
        case controller.ENABLE_KEYBOARD:
            keyboard.configuration = keyboard.configuration.replace(keyboard_off=False)
        case controller.READ_OUTPUT_PORT:
            answer(keyboard, u8(OUTPUT_PORT))
        case controller.PULSE_RESET:
            return True
        case _:
            return False
    return False
