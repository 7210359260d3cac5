"""The driver of a PS/2 keyboard behind an 8042."""

from __future__ import annotations

from codegen.lang import Field, HwEnum, Struct, fn, pause, ports, range, u8, u16, u32
from drivers.keyboard.controller import (
    DATA_PORT,
    DISABLE_KEYBOARD,
    DISABLE_MOUSE,
    ENABLE_KEYBOARD,
    READ_CONFIGURATION,
    SELF_TEST,
    SELF_TEST_PASSED,
    WRITE_CONFIGURATION,
    KeyboardConfiguration,
    KeyboardPorts,
)
from drivers.keyboard.scan_codes import ScanDecoder

PATIENCE = 100_000  # polls, each a microsecond or more on a real bus
NOTHING_THERE = 0xFF  # what a port reads that no device answers
FLUSH_MAX = 64
TRIES = 3

# Commands to the keyboard itself, and its answers.
SET_DEFAULTS = 0xF6
ENABLE_SCANNING = 0xF4
ACKNOWLEDGE = 0xFA
RESEND = 0xFE


class KeyboardFound(HwEnum, repr=u32):
    """What the search for a keyboard came to."""

    NO_CONTROLLER = 0
    NO_KEYBOARD = 1
    FOUND = 2


class Keyboard(Struct):
    """The keyboard of the machine."""

    present: Field[bool]
    decoder: ScanDecoder


@fn(cold=True)
def keyboard_start(keyboard: Keyboard) -> KeyboardFound:
    """Find the controller and a keyboard, and let it send; interrupts stay off."""
    keyboard.zero()
    if u8(controller().status.read()) == NOTHING_THERE:
        return KeyboardFound.NO_CONTROLLER
    command(u8(DISABLE_KEYBOARD))
    command(u8(DISABLE_MOUSE))
    for _ in range(u32(FLUSH_MAX)):
        if not controller().status.read().output_full:
            break
        controller().data.read()
    command(u8(SELF_TEST))
    if not answers(u8(SELF_TEST_PASSED)):
        return KeyboardFound.NO_CONTROLLER
    configure(KeyboardConfiguration(self_test_passed=True, mouse_off=True, translation=True))
    command(u8(READ_CONFIGURATION))
    configuration = receive()
    if configuration is None:
        return KeyboardFound.NO_CONTROLLER
    keyboard.decoder.set_2 = not KeyboardConfiguration.of(configuration).translation
    command(u8(ENABLE_KEYBOARD))
    if not tell(u8(SET_DEFAULTS)) or not tell(u8(ENABLE_SCANNING)):
        return KeyboardFound.NO_KEYBOARD
    keyboard.present = True
    return KeyboardFound.FOUND


@fn(cold=True)
def keyboard_use_interrupt(keyboard: Keyboard) -> None:
    """From now on each code raises KEYBOARD_IRQ."""
    translation = not keyboard.decoder.set_2
    configure(
        KeyboardConfiguration(keyboard_interrupt=True, self_test_passed=True, mouse_off=True, translation=translation)
    )


@fn
def keyboard_read() -> u8 | None:
    """The next scan code; a mouse's bytes are dropped."""
    for _ in range(u32(FLUSH_MAX)):
        status = controller().status.read()
        if not status.output_full:
            return None
        code = controller().data.read()
        if not status.from_mouse:
            return code
    return None


@fn(inline=True)
def controller() -> KeyboardPorts:
    """Its ports."""
    return ports(KeyboardPorts, u16(DATA_PORT))


@fn(cold=True)
def command(code: u8) -> None:
    """A command to the controller. One that takes no more is left to the answers that then miss."""
    wait_to_send()
    controller().command.write(code)


@fn(cold=True)
def configure(configuration: KeyboardConfiguration) -> None:
    """Write the configuration byte."""
    command(u8(WRITE_CONFIGURATION))
    wait_to_send()
    controller().data.write(u8(configuration))


@fn(cold=True)
def tell(code: u8) -> bool:
    """A command to the keyboard. False when it does not acknowledge."""
    for _ in range(u32(TRIES)):
        wait_to_send()
        controller().data.write(code)
        answer = receive()
        if answer is None:
            return False
        if answer == ACKNOWLEDGE:
            return True
        if answer != RESEND:
            return False
    return False


@fn(cold=True)
def answers(wanted: u8) -> bool:
    """Whether the next byte that comes is this one."""
    answer = receive()
    return answer is not None and answer == wanted


@fn(cold=True)
def wait_to_send() -> None:
    """Until the controller has taken the byte before, or PATIENCE has run out."""
    for _ in range(u32(PATIENCE)):
        if not controller().status.read().input_full:
            return
        pause()


@fn(cold=True)
def receive() -> u8 | None:
    """The next byte, within PATIENCE."""
    for _ in range(u32(PATIENCE)):
        if controller().status.read().output_full:
            return controller().data.read()
        pause()
    return None
