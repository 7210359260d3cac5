"""Ctrl-A, which speaks to the monitor's console whatever the guest does: a machine that takes one byte at a time."""

from __future__ import annotations

from codegen.lang import Array, Field, HwEnum, Span, Struct, count, fn, span_of, u8, u32, usize

ESCAPE_KEY = 0x01  # Ctrl-A
NAME_MAX = 32


class EscapeState(HwEnum, repr=u32):
    """What the next byte means."""

    PLAIN = 0
    ESCAPED = 1  # Ctrl-A was typed
    NAMING = 2  # and the beginning of a name


class Typed(HwEnum, repr=u32):
    """What a byte came to."""

    NOTHING = 0  # a part of something
    BYTE = 1  # it is meant for whoever is typed to
    NUMBER = 2  # switch to VM `number`
    NAME = 3  # switch to the VM called `name`
    SHELL = 4
    ALL = 5
    HELP = 6


class Escape(Struct):
    """The state, and what was found."""

    state: Field[EscapeState]
    number: Field[u32]
    name_length: Field[u32]
    name: Array[u8] = count(NAME_MAX)

    @fn
    def feed(self, byte: u8) -> Typed:
        """Take the next byte that was typed."""
        match self.state:
            case EscapeState.PLAIN:
                if byte != ESCAPE_KEY:
                    return Typed.BYTE
                self.state = EscapeState.ESCAPED
                return Typed.NOTHING
            case EscapeState.ESCAPED:
                self.state = EscapeState.PLAIN
                return self.command(byte)
            case EscapeState.NAMING:
                return self.name_byte(byte)

    @fn
    def command(self, byte: u8) -> Typed:
        """The byte behind Ctrl-A. One that means nothing is swallowed."""
        self.name_length = 0
        match byte:
            case 0x01:
                return Typed.BYTE
            case 0x3F:  # ?
                return Typed.HELP
            case 0x61:  # a
                return Typed.ALL
            case 0x6D:  # m
                return Typed.SHELL
            case 0x27:  # ' begins any name, as in GNU screen
                self.state = EscapeState.NAMING
                return Typed.NOTHING
            case _:
                pass
        if byte >= 0x30 and byte <= 0x39:
            self.number = u32(byte - 0x30)
            return Typed.NUMBER
        if byte > 0x20 and byte < 0x7F:
            self.state = EscapeState.NAMING
            return self.name_byte(byte)
        return Typed.NOTHING

    @fn
    def name_byte(self, byte: u8) -> Typed:
        """A byte of a name: Enter ends it, backspace takes one back, any other control character gives it up."""
        if byte == 0x0D or byte == 0x0A:
            self.state = EscapeState.PLAIN
            return Typed.NAME
        if byte == 0x08 or byte == 0x7F:
            self.name_length = self.name_length.saturating_sub(u32(1))
        elif byte <= 0x20 or byte > 0x7F:
            self.state = EscapeState.ESCAPED if byte == ESCAPE_KEY else EscapeState.PLAIN
        elif self.name_length < NAME_MAX:
            self.name[self.name_length] = byte
            self.name_length += 1
        return Typed.NOTHING

    @fn
    def name_span(self) -> Span:
        """The name so far."""
        return span_of(self).slice(usize(Escape.name.offset), usize(self.name_length))
