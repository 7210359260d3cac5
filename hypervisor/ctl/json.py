"""A strict parser of one flat JSON object (RFC 8259): numbers are decimal u64, strings ASCII, nothing is nested.

The line is hostile: every place is compared with its length, and the request is only used when all of it was right.
"""

from __future__ import annotations

from codegen.lang import HwEnum, Span, fn, len, range, span, u8, u16, u32, u64, usize
from hypervisor.ctl.request import LINE_MAX, MEMBERS_MAX, Member, Request, ValueKind

QUOTE, BACKSLASH, COMMA, COLON, OPEN, CLOSE = 0x22, 0x5C, 0x2C, 0x3A, 0x7B, 0x7D
TRUE, FALSE, NULL = span(b"true"), span(b"false"), span(b"null")


class JsonError(HwEnum, repr=u32, must_use=True):
    """Why a line is no request."""

    SYNTAX = 1
    NESTED = 2
    TOO_MANY = 3
    BAD_NUMBER = 4
    BAD_TEXT = 5
    TWICE = 6

    @fn
    def words(self) -> Span:
        """For the answer."""
        match self:
            case JsonError.SYNTAX:
                return span(b"no JSON object")
            case JsonError.NESTED:
                return span(b"arrays and objects are not taken")
            case JsonError.TOO_MANY:
                return span(b"too many members")
            case JsonError.BAD_NUMBER:
                return span(b"numbers are 0 to 18446744073709551615")
            case JsonError.BAD_TEXT:
                return span(b"strings are printable ASCII")
            case JsonError.TWICE:
                return span(b"a member is there twice")


@fn(cold=True)
def parse_object(line: Span, into: Request) -> JsonError | None:
    """The whole line, at most LINE_MAX bytes, without its end."""
    into.zero()
    assert len(line) <= LINE_MAX
    skip_blanks(line, into)
    if not take(line, into, u8(OPEN)):
        return JsonError.SYNTAX
    skip_blanks(line, into)
    if not take(line, into, u8(CLOSE)):
        error = parse_members(line, into)
        if error is not None:
            return error
    skip_blanks(line, into)
    return None if usize(into.cursor) == len(line) else JsonError.SYNTAX


@fn(cold=True)
def parse_members(line: Span, into: Request) -> JsonError | None:
    """One or more, up to the brace."""
    while True:
        error = parse_member(line, into)
        if error is not None:
            return error
        skip_blanks(line, into)
        if take(line, into, u8(CLOSE)):
            return None
        if not take(line, into, u8(COMMA)):
            return JsonError.SYNTAX
        skip_blanks(line, into)


@fn(cold=True)
def parse_member(line: Span, into: Request) -> JsonError | None:
    """`"KEY": VALUE`."""
    if into.member_count == MEMBERS_MAX:
        return JsonError.TOO_MANY
    member = into.members[into.member_count]
    member.key_at = u16(into.used)
    error = parse_text(line, into)
    if error is not None:
        return error
    member.key_length = u16(into.used) - member.key_at
    if into.find(into.piece(member.key_at, member.key_length)) is not None:
        return JsonError.TWICE
    into.member_count += 1
    skip_blanks(line, into)
    if not take(line, into, u8(COLON)):
        return JsonError.SYNTAX
    skip_blanks(line, into)
    return parse_value(line, into, member)


@fn(cold=True)
def parse_value(line: Span, into: Request, member: Member) -> JsonError | None:
    """What stands behind a key."""
    match peek(line, into):
        case 0x22:
            member.kind = ValueKind.TEXT
            member.at = u16(into.used)
            error = parse_text(line, into)
            member.length = u16(into.used) - member.at
            return error
        case 0x7B | 0x5B:
            return JsonError.NESTED
        case 0x74:
            return parse_word(line, into, member, TRUE, ValueKind.TRUE)
        case 0x66:
            return parse_word(line, into, member, FALSE, ValueKind.FALSE)
        case 0x6E:
            return parse_word(line, into, member, NULL, ValueKind.NULL)
        case _:
            member.kind = ValueKind.NUMBER
            return parse_number(line, into, member)


@fn(cold=True)
def parse_word(line: Span, into: Request, member: Member, word: Span, kind: ValueKind) -> JsonError | None:
    """One of the three names."""
    member.kind = kind
    for i in range(len(word)):
        if not take(line, into, word[i]):
            return JsonError.SYNTAX
    return None


@fn(cold=True)
def parse_number(line: Span, into: Request, member: Member) -> JsonError | None:
    """Decimal digits, no sign, no zero before them."""
    first = peek(line, into)
    if first == 0x2D:
        return JsonError.BAD_NUMBER
    if not is_digit(first):
        return JsonError.SYNTAX
    value = u64(0)
    digits = u32(0)
    while is_digit(peek(line, into)):
        tenfold = value.checked_mul(10)
        if tenfold is None:
            return JsonError.BAD_NUMBER
        sum = tenfold.checked_add(u64(peek(line, into) - 0x30))
        if sum is None:
            return JsonError.BAD_NUMBER
        value = sum
        digits += 1
        into.cursor += 1
    following = peek(line, into)
    if first == 0x30 and digits > 1 or following == 0x2E or following == 0x65 or following == 0x45:
        return JsonError.BAD_NUMBER
    member.number = value
    return None


@fn(cold=True)
def parse_text(line: Span, into: Request) -> JsonError | None:
    """A string, whose bytes are appended to the request's text. They are fewer than in the line."""
    if not take(line, into, u8(QUOTE)):
        return JsonError.SYNTAX
    while usize(into.cursor) < len(line):
        byte = peek(line, into)
        into.cursor += 1
        if byte == QUOTE:
            return None
        if byte == BACKSLASH:
            escaped = parse_escape(line, into)
            if escaped is None:
                return JsonError.BAD_TEXT
            byte = escaped
        if byte < 0x20 or byte > 0x7E:
            return JsonError.BAD_TEXT
        into.text[into.used] = byte
        into.used += 1
    return JsonError.SYNTAX


@fn(cold=True)
def parse_escape(line: Span, into: Request) -> u8 | None:
    """What stands behind a backslash, if that is one byte; control characters are refused by who asks."""
    byte = peek(line, into)
    into.cursor += 1
    match byte:
        case 0x22 | 0x5C | 0x2F:
            return byte
        case 0x75:
            value = u32(0)
            for _ in range(u32(4)):
                digit = hexadecimal(peek(line, into))
                if digit is None:
                    return None
                value = value << 4 | digit
                into.cursor += 1
            return u8(value) if value < 0x80 else None
        case _:
            return None


@fn(cold=True)
def hexadecimal(byte: u8) -> u32 | None:
    """The value of a digit."""
    if is_digit(byte):
        return u32(byte) - 0x30
    lower = byte | 0x20
    if lower < 0x61 or lower > 0x66:
        return None
    return u32(lower) - 0x61 + 10


@fn(cold=True)
def is_digit(byte: u8) -> bool:
    return byte >= 0x30 and byte <= 0x39


@fn(cold=True)
def peek(line: Span, into: Request) -> u8:
    """The next byte, which stays; 0 at the end."""
    if usize(into.cursor) >= len(line):
        return u8(0)
    return line[usize(into.cursor)]


@fn(cold=True)
def take(line: Span, into: Request, byte: u8) -> bool:
    """Whether this byte is next; it is then behind us."""
    if usize(into.cursor) >= len(line) or line[usize(into.cursor)] != byte:
        return False
    into.cursor += 1
    return True


@fn(cold=True)
def skip_blanks(line: Span, into: Request) -> None:
    """Blanks and tabs: a line has no line ends in it."""
    while peek(line, into) == 0x20 or peek(line, into) == 0x09:
        into.cursor += 1
