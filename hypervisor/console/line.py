"""One line of text under construction, and how numbers are written into it (as Python's format() would)."""

from __future__ import annotations

from codegen.lang import (
    Array,
    Field,
    Local,
    Span,
    Struct,
    address_of,
    count,
    fn,
    i64,
    len,
    range,
    span_at,
    u8,
    u32,
    u64,
    usize,
)

LINE_MAX = 480
DIGITS_MAX = 64
ZERO_PADDED = 1  # TextSink flags (docs/language.md, "Text")
WITH_PREFIX = 2
DIGITS = b"0123456789abcdef"


class LineBuffer(Struct):
    """A longer line is cut, and ends in "..."."""

    text: Array[u8] = count(LINE_MAX)
    length: Field[u32]

    @fn
    def clear(self) -> None:
        """An empty line."""
        self.length = 0

    @fn
    def put(self, byte: u8) -> None:
        """Append one character."""
        if self.length < LINE_MAX:
            self.text[self.length] = byte
            self.length += 1
        else:
            for i in range(u32(LINE_MAX - 3), u32(LINE_MAX)):
                self.text[i] = 0x2E

    @fn
    def put_text(self, piece: Span) -> None:
        """Append bytes."""
        for i in range(len(piece)):
            self.put(piece[i])

    @fn
    def put_unsigned(self, value: u64, base: u32, width: u32, flags: u32) -> None:
        """Append a number in base 2 to 16, right-aligned in `width` characters, which count the prefix."""
        digits = Local(Digits)
        digits.begin(value, u64(base))
        used = digits.length
        if flags & WITH_PREFIX != 0:
            used += 2
        if flags & ZERO_PADDED == 0:
            self.pad(u8(0x20), used, width)
        if flags & WITH_PREFIX != 0:
            self.put(u8(0x30))
            self.put(u8(0x78))
        if flags & ZERO_PADDED != 0:
            self.pad(u8(0x30), used, width)
        while digits.length > 0:
            digits.length -= 1
            self.put(digits.reversed[digits.length])

    @fn
    def put_signed(self, value: i64, width: u32) -> None:
        """Append a decimal number with its sign, right-aligned."""
        magnitude = u64.trunc(value)
        if value >= 0:
            self.put_unsigned(magnitude, u32(10), width, u32(0))
            return
        magnitude = u64(0).wrapping_sub(magnitude)
        digits = Local(Digits)
        digits.begin(magnitude, u64(10))
        self.pad(u8(0x20), digits.length + 1, width)
        self.put(u8(0x2D))
        self.put_unsigned(magnitude, u32(10), u32(0), u32(0))

    @fn
    def pad(self, byte: u8, used: u32, width: u32) -> None:
        """Fill up to `width`."""
        for _ in range(width.saturating_sub(used)):
            self.put(byte)

    @fn
    def span(self) -> Span:
        """What has been written."""
        return span_at(address_of(self), usize(self.length))


class Digits(Struct):
    """The digits of a number, last one first."""

    reversed: Array[u8] = count(DIGITS_MAX)
    length: Field[u32]

    @fn
    def begin(self, value: u64, base: u64) -> None:
        """Split `value`; 0 has one digit."""
        self.length = 0
        rest = value
        while self.length < DIGITS_MAX:
            self.reversed[self.length] = DIGITS[rest % base]
            self.length += 1
            rest = rest // base
            if rest == 0:
                return
