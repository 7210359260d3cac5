"""Which VM a person means: its name, the beginning of it, or its number."""

from __future__ import annotations

from codegen.lang import Span, fn, len, range, u32, u64, usize
from hypervisor.console.guests import GUESTS


@fn(cold=True)
def find_guest(text: Span) -> u32 | None:
    """The VM's index: by its whole name, by its number, or by what only its name begins with."""
    prefixed: u32 | None = None
    unique = True
    for i in range(GUESTS.guest_count):
        name = GUESTS.guests[i].name_span()
        if name.equals(text):
            return i
        if starts_with(name, text):
            unique = prefixed is None
            prefixed = i
    number = parse_number(text)
    if number is not None and number < u64(GUESTS.guest_count):
        return u32(number)
    return prefixed if unique else None


@fn(cold=True)
def starts_with(text: Span, beginning: Span) -> bool:
    """Whether `text` begins with all of `beginning`."""
    if len(beginning) == 0 or len(beginning) > len(text):
        return False
    return text.slice(usize(0), len(beginning)).equals(beginning)


@fn(cold=True)
def parse_number(text: Span) -> u64 | None:
    """A decimal number of at most 15 digits; None for anything else."""
    if len(text) == 0 or len(text) > 15:
        return None
    value = u64(0)
    for i in range(len(text)):
        digit = text[i]
        if digit < 0x30 or digit > 0x39:
            return None
        value = value * 10 + u64(digit - 0x30)
    return value
