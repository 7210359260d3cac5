"""Processors as a person writes them: `0,2-3`."""

from __future__ import annotations

from codegen.lang import Span, fn, len, range, u64, usize
from hypervisor.console.names import parse_number
from hypervisor.cpu.per_cpu import CPUS_MAX

COMMA, DASH = 0x2C, 0x2D


@fn(cold=True)
def parse_cpus(text: Span) -> u64 | None:
    """Numbers and ranges, with commas between, as a mask; None for anything else, or a number of CPUS_MAX and above."""
    mask = u64(0)
    begin = usize(0)
    for i in range(len(text) + 1):
        if i == len(text) or text[i] == COMMA:
            some = parse_range(text.slice(begin, i - begin))
            if some is None:
                return None
            mask = mask | some
            begin = i + 1
    return mask


@fn(cold=True)
def parse_range(text: Span) -> u64 | None:
    """`N`, or `N-M` with N not above M."""
    dash = len(text)
    for i in range(len(text)):
        if text[i] == DASH:
            dash = i
    first = parse_number(text.slice(usize(0), dash))
    last = first if dash == len(text) else parse_number(text.slice(dash + 1, len(text) - dash - 1))
    if first is None or last is None or first > last or last >= CPUS_MAX:
        return None
    return ~u64(0) >> (63 - (last - first)) << first
