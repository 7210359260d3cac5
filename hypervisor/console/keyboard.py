"""The PS/2 keyboard as the console's second input, beside the UART."""

from __future__ import annotations

from codegen.lang import Field, Struct, fn, range, storage, u32
from drivers.keyboard.keyboard import Keyboard, KeyboardFound, keyboard_read, keyboard_start, keyboard_use_interrupt
from hypervisor.console.console import CONSOLE

CODES_MAX = 64  # for one call


class ConsoleKeyboard(Struct):
    """`by_interrupt`: its interrupt is routed; until then it is polled."""

    keyboard: Keyboard
    by_interrupt: Field[bool]


KEYBOARD = storage(ConsoleKeyboard)


@fn(cold=True)
def console_find_keyboard() -> KeyboardFound:
    """Look for one. What is typed on it comes by `console_keyboard`."""
    return keyboard_start(KEYBOARD.keyboard)


@fn(cold=True)
def console_keyboard_interrupts() -> None:
    """The keyboard's interrupt reaches `console_keyboard` from now on."""
    KEYBOARD.by_interrupt = True
    keyboard_use_interrupt(KEYBOARD.keyboard)


@fn(cold=True)
def console_keyboard() -> None:
    """The keyboard's interrupt, or a poll: keys become input like what the UART receives. Who types on it looks at the
    screen: from the first key on the guests are shown there too. Takes the lock."""
    if not KEYBOARD.keyboard.present:
        return
    decoder = KEYBOARD.keyboard.decoder
    with CONSOLE.lock:
        for _ in range(u32(CODES_MAX)):
            code = keyboard_read()
            if code is None:
                return
            for i in range(decoder.feed(code)):
                CONSOLE.on_screen = True
                if not CONSOLE.input.is_full():
                    CONSOLE.input.put(decoder.output[i])
