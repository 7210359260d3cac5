"""Text of any bytes as a JSON string (RFC 8259, section 7): what is not printable ASCII becomes an escape."""

from __future__ import annotations

from codegen.lang import Span, fn, len, range, u8
from hypervisor.ctl.answer import put, put_byte

QUOTE, BACKSLASH = 0x22, 0x5C
LONGEST = 6  # bytes that one byte may become


@fn(cold=True)
def put_quoted(text: Span) -> None:
    """With its quotes. At most LONGEST * length + 2 bytes."""
    put_byte(u8(QUOTE))
    for i in range(len(text)):
        byte = text[i]
        if byte < 0x20 or byte > 0x7E:
            put(f"\\u{byte:04x}")
        else:
            if byte == QUOTE or byte == BACKSLASH:
                put_byte(u8(BACKSLASH))
            put_byte(byte)
    put_byte(u8(QUOTE))
