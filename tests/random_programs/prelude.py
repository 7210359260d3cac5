"""What every random program may use: a text sink that formats in the language, devices, a scope's log."""

from __future__ import annotations

from codegen.lang import (
    Array,
    Field,
    Never,
    Span,
    Struct,
    TextSink,
    contract,
    count,
    fn,
    i64,
    implements,
    intrinsic,
    len,
    range,
    span,
    storage,
    u8,
    u32,
    u64,
)


class Log(Struct):
    """The last bytes of text; `length` counts all."""

    length: Field[u64]
    content: Array[u8] = count(128)


LOG = storage(Log)
DIGITS = span(b"0123456789abcdef")


@fn
def put(byte: u8) -> None:
    LOG.content[LOG.length % 128] = byte
    LOG.length = LOG.length.wrapping_add(1)


@fn
def begin() -> None:
    put(u8(0x5B))


@fn
def text(piece: Span) -> None:
    for i in range(len(piece)):
        put(piece[i])


@fn
def unsigned(value: u64, base: u32, width: u32, flags: u32) -> None:
    digits = u32(1)
    rest = value // u64(base)
    while rest != 0:
        rest //= u64(base)
        digits += 1
    total = digits + 2 if flags & 2 != 0 else digits
    if flags & 1 == 0:
        pad(u8(0x20), width.saturating_sub(total))
    if flags & 2 != 0:
        put(u8(0x30))
        put(u8(0x78))
    if flags & 1 != 0:
        pad(u8(0x30), width.saturating_sub(total))
    power = u64(1)
    for _ in range(digits - 1):
        power *= u64(base)
    while power != 0:
        put(DIGITS[value // power % u64(base)])
        power //= u64(base)


@fn
def pad(byte: u8, times: u32) -> None:
    for _ in range(times):
        put(byte)


@fn
def signed(value: i64, width: u32) -> None:
    if value >= 0:
        unsigned(u64(value), u32(10), width, u32(0))
        return
    size = u64(0).wrapping_sub(u64.trunc(value))
    digits = u32(1)
    rest = size // 10
    while rest != 0:
        rest //= 10
        digits += 1
    pad(u8(0x20), width.saturating_sub(digits + 1))
    put(u8(0x2D))
    unsigned(size, u32(10), u32(0), u32(0))


@fn
def end() -> None:
    put(u8(0x5D))


log = TextSink(begin=begin, text=text, unsigned=unsigned, signed=signed, end=end)


@fn
def count_down(start: u32) -> Never:
    """Ends in a trap, after a few rounds."""
    left = start
    while True:
        left -= 1
        LOG.length = LOG.length.wrapping_add(u64(left))


@contract
def chosen(a: u32, b: bool) -> u32: ...


@implements(chosen)
@fn
def provided(a: u32, b: bool) -> u32:
    return a.rotate_left(7) if b else ~a


@intrinsic("mulq $2", "={ax},={dx},r,{ax}")
def long_multiply(a: u64, b: u64) -> tuple[u64, u64]:
    """The low and the high half of a product."""
    product = int(a) * int(b)
    return u64(product & u64.high), u64(product >> 64)


@intrinsic("btq $2, $1", "={@ccc},r,r")
def bit_test(value: u64, position: u8) -> bool:
    """Whether a bit is set; the position counts modulo 64."""
    return bool(int(value) >> (int(position) & 63) & 1)


class Device:
    """Answers with numbers that depend on all accesses before, and remembers every access in `log`."""

    def __init__(self, log: list[tuple[object, ...]], name: str) -> None:
        self.log = log
        self.name = name
        self.state = sum(name.encode())

    def read(self, offset: int, width: int) -> int:
        self.state = (self.state * 6364136223846793005 + offset * 8 + width) & (1 << 64) - 1
        value = (self.state >> 7) & (1 << 8 * width) - 1
        # Small numbers, which are members of enums, are as likely as others.
        value = value & 7 if self.state >> 50 & 1 else value
        self.log.append((self.name, "read", offset, width, value))
        return value

    def write(self, offset: int, width: int, value: int) -> None:
        self.state ^= value << 3
        self.log.append((self.name, "write", offset, width, value))
