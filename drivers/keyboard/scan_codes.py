"""Scan codes, set 1 and set 2, as the bytes that a terminal would send: US layout (IBM PS/2 Hardware Interface
Technical Reference, keyboards)."""

from __future__ import annotations

from codegen.lang import Array, Field, Span, Struct, count, fn, len, range, span, table, u8, u32

EXTENDED = 0xE0
PAUSE = 0xE1
RELEASED_2 = 0xF0  # set 2: the next code is of a key that was released
RELEASED_1 = 0x80  # set 1: this bit says so
OUTPUT_MAX = 4

CONTROL, LEFT_SHIFT, RIGHT_SHIFT, CAPS_LOCK = 0x1D, 0x2A, 0x36, 0x3A
KEYS = 0x59  # codes of set 1

# By code of set 1 from 0 on; 0 is a key that sends nothing. The keypad is that of NumLock.
PLAIN = table(
    u8,
    b"\0\x1b1234567890-=\x7f\tqwertyuiop[]\r\0asdfghjkl;'`\0\\zxcvbnm,./\0*\0 \0".ljust(0x47, b"\0")
    + b"789-456+1230.\0\0\\\0\0",
)
SHIFTED = table(
    u8,
    b'\0\x1b!@#$%^&*()_+\x7f\tQWERTYUIOP{}\r\0ASDFGHJKL:"~\0|ZXCVBNM<>?\0*\0 \0'.ljust(0x47, b"\0")
    + b"789-456+1230.\0\0|\0\0",
)
# The same keys' codes in set 2.
SET_2 = (
    bytes.fromhex("00 76 16 1e 26 25 2e 36 3d 3e 46 45 4e 55 66 0d 15 1d 24 2d 2c 35 3c 43 44 4d 54 5b 5a 14")
    + bytes.fromhex("1c 1b 23 2b 34 33 3b 42 4b 4c 52 0e 12 5d 1a 22 21 2a 32 31 3a 41 49 4a 59 7c 11 29 58")
    + bytes.fromhex("05 06 04 0c 03 0b 83 0a 01 09 77 7e 6c 75 7d 7b 6b 73 74 79 69 72 7a 70 71 84 00 61 78 07")
)
SET_1_OF_2 = table(u8, [SET_2.index(code) if code in SET_2 else 0 for code in range(0x84)])


class ScanDecoder(Struct):
    """Which keys are down, and what is left of a sequence. `output` is what the last code sent."""

    set_2: Field[bool]  # the keyboard's codes come as they are, not translated to set 1
    extended: Field[bool]
    released: Field[bool]
    skip: Field[u32]  # codes of the Pause key that follow
    shift: Field[u32]  # bit 0 left, bit 1 right
    control: Field[u32]
    caps_lock: Field[bool]
    output_length: Field[u32]
    output: Array[u8] = count(OUTPUT_MAX)

    @fn
    def feed(self, code: u8) -> u32:
        """Take the next code; gives the number of bytes in `output`."""
        self.output_length = 0
        if self.skip > 0:
            self.skip -= 1
            return u32(0)
        if code == PAUSE:
            self.skip = u32(7) if self.set_2 else u32(5)
        elif code == EXTENDED:
            self.extended = True
        elif self.set_2 and code == RELEASED_2:
            self.released = True
        else:
            self.key(code)
            self.extended = False
            self.released = False
        return self.output_length

    @fn
    def key(self, code: u8) -> None:
        """The code of a key itself."""
        if not self.set_2:
            self.change(u32(code & ~RELEASED_1), code & RELEASED_1 == 0)
        elif code < len(SET_1_OF_2):
            self.change(u32(SET_1_OF_2[code]), not self.released)

    @fn
    def change(self, key: u32, down: bool) -> None:
        """A key, by its code in set 1, goes down (again, while it is held) or up."""
        if key == CONTROL:
            self.control = with_bit(self.control, u32(1) if self.extended else u32(0), down)
        elif self.extended:
            # Extended shifts are none: the keyboard undoes NumLock with them.
            if down:
                self.extended_key(key)
        elif key == LEFT_SHIFT:
            self.shift = with_bit(self.shift, u32(0), down)
        elif key == RIGHT_SHIFT:
            self.shift = with_bit(self.shift, u32(1), down)
        elif down:
            if key == CAPS_LOCK:
                self.caps_lock = not self.caps_lock
            elif key < KEYS:
                self.character(key)

    @fn
    def character(self, key: u32) -> None:
        """A key with a character on it."""
        byte = SHIFTED[key] if self.shift != 0 else PLAIN[key]
        if self.caps_lock and is_letter(byte):
            byte = byte ^ 0x20
        if self.control != 0:
            byte = control_character(byte)
        if byte != 0 or (self.control != 0 and PLAIN[key] == 0x20):
            self.send(byte)

    @fn
    def extended_key(self, key: u32) -> None:
        """The keys that the AT keyboard did not have."""
        match key:
            case 0x1C:
                self.send(u8(0x0D))
            case 0x35:
                self.send(u8(0x2F))
            case 0x48:
                self.send_text(span(b"\x1b[A"))
            case 0x50:
                self.send_text(span(b"\x1b[B"))
            case 0x4D:
                self.send_text(span(b"\x1b[C"))
            case 0x4B:
                self.send_text(span(b"\x1b[D"))
            case 0x47:
                self.send_text(span(b"\x1b[H"))
            case 0x4F:
                self.send_text(span(b"\x1b[F"))
            case 0x52:
                self.send_text(span(b"\x1b[2~"))
            case 0x53:
                self.send_text(span(b"\x1b[3~"))
            case 0x49:
                self.send_text(span(b"\x1b[5~"))
            case 0x51:
                self.send_text(span(b"\x1b[6~"))
            case _:
                pass

    @fn
    def send(self, byte: u8) -> None:
        self.output[self.output_length] = byte
        self.output_length += 1

    @fn
    def send_text(self, text: Span) -> None:
        for i in range(len(text)):
            self.send(text[i])


@fn
def with_bit(mask: u32, number: u32, on: bool) -> u32:
    """The mask with one bit set or clear."""
    return mask | u32(1) << number if on else mask & ~(u32(1) << number)


@fn
def is_letter(byte: u8) -> bool:
    """ASCII, of either case."""
    return byte & ~0x20 >= 0x41 and byte & ~0x20 <= 0x5A


@fn
def control_character(byte: u8) -> u8:
    """What Control makes of a character: itself where it makes nothing."""
    if byte >= 0x40 and byte < 0x7F:
        return byte & 0x1F
    return u8(0) if byte == 0x20 else byte
