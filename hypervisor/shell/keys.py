"""Bytes of a terminal as keys (ECMA-48, 5.4; xterm's and the Linux console's sequences): a machine that takes one byte
at a time and comes back from any garbage."""

from __future__ import annotations

from codegen.lang import Field, HwEnum, Struct, fn, min, u8, u32

ESC = 0x1B


class Key(HwEnum, repr=u32):
    """What a byte came to."""

    NOTHING = 0
    TEXT = 1  # the byte itself
    ENTER = 2
    TAB = 3
    BACKSPACE = 4
    DELETE = 5
    LEFT = 6
    RIGHT = 7
    UP = 8
    DOWN = 9
    HOME = 10
    END = 11
    KILL_END = 12  # Ctrl-K
    KILL_START = 13  # Ctrl-U
    KILL_WORD = 14  # Ctrl-W
    CANCEL = 15  # Ctrl-C


class KeyState(HwEnum, repr=u32):
    """Where in a sequence we are."""

    PLAIN = 0
    ESCAPED = 1
    CONTROL_SEQUENCE = 2  # ESC [
    SINGLE_SHIFT = 3  # ESC O


class KeyParser(Struct):
    """The sequence so far."""

    state: Field[KeyState]
    parameter: Field[u32]  # its first number
    further: Field[bool]  # a second one has begun
    after_return: Field[bool]  # a line feed now belongs to the carriage return before it

    @fn
    def feed(self, byte: u8) -> Key:
        """Take the next byte. A control character ends any sequence and means itself."""
        if byte == ESC:
            self.state = KeyState.ESCAPED
            return Key.NOTHING
        if byte < 0x20 or byte == 0x7F:
            self.state = KeyState.PLAIN
            return self.control(byte)
        self.after_return = False
        match self.state:
            case KeyState.PLAIN:
                return Key.TEXT if byte < 0x7F else Key.NOTHING
            case KeyState.ESCAPED:
                return self.introducer(byte)
            case KeyState.CONTROL_SEQUENCE:
                return self.sequence_byte(byte)
            case KeyState.SINGLE_SHIFT:
                self.state = KeyState.PLAIN
                return final_key(byte)

    @fn
    def control(self, byte: u8) -> Key:
        """A control character."""
        follows = self.after_return
        self.after_return = byte == 0x0D
        match byte:
            case 0x01:
                return Key.HOME
            case 0x03:
                return Key.CANCEL
            case 0x05:
                return Key.END
            case 0x08 | 0x7F:
                return Key.BACKSPACE
            case 0x09:
                return Key.TAB
            case 0x0A:
                return Key.NOTHING if follows else Key.ENTER
            case 0x0B:
                return Key.KILL_END
            case 0x0D:
                return Key.ENTER
            case 0x15:
                return Key.KILL_START
            case 0x17:
                return Key.KILL_WORD
            case _:
                return Key.NOTHING

    @fn
    def introducer(self, byte: u8) -> Key:
        """The byte behind ESC; any other than these two is the end (Alt and a key)."""
        self.parameter = 0
        self.further = False
        match byte:
            case 0x5B:
                self.state = KeyState.CONTROL_SEQUENCE
            case 0x4F:
                self.state = KeyState.SINGLE_SHIFT
            case _:
                self.state = KeyState.PLAIN
        return Key.NOTHING

    @fn
    def sequence_byte(self, byte: u8) -> Key:
        """A parameter's digit, something between, or the final byte."""
        if byte >= 0x40:
            self.state = KeyState.PLAIN
            return numbered_key(self.parameter) if byte == 0x7E else final_key(byte)
        if byte >= 0x30 and byte <= 0x39:
            if not self.further:
                self.parameter = min(self.parameter * 10 + u32(byte - 0x30), u32(100))
        else:
            self.further = True
        return Key.NOTHING


@fn
def final_key(byte: u8) -> Key:
    """The key of ESC [ x and ESC O x."""
    match byte:
        case 0x41:
            return Key.UP
        case 0x42:
            return Key.DOWN
        case 0x43:
            return Key.RIGHT
        case 0x44:
            return Key.LEFT
        case 0x46:
            return Key.END
        case 0x48:
            return Key.HOME
        case _:
            return Key.NOTHING


@fn
def numbered_key(number: u32) -> Key:
    """The key of ESC [ number ~."""
    match number:
        case 1 | 7:
            return Key.HOME
        case 3:
            return Key.DELETE
        case 4 | 8:
            return Key.END
        case _:
            return Key.NOTHING
