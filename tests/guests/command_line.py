"""The command line that the guest was booted with, by multiboot."""

from __future__ import annotations

from codegen.lang import Field, Hpa, Span, Struct, at, fn, len, phys, phys_span, range, u32, u64, usize

COMMAND_LINE_PRESENT = 1 << 2
COMMAND_LINE_MAX = 256


class MultibootInformation(Struct, size=120, align=4):
    """Specification 0.6.96, 3.3, as far as we read it."""

    flags: Field[u32] = at(0)
    command_line: Field[u32] = at(16)


@fn
def asks_for(line: Span, word: Span) -> bool:
    """Whether `word` stands anywhere in `line`."""
    if len(line) < len(word):
        return False
    for i in range(len(line) - len(word) + 1):
        if line.slice(i, len(word)).equals(word):
            return True
    return False


@fn
def command_line(information: Hpa) -> Span:
    """Up to COMMAND_LINE_MAX bytes; empty when there is none."""
    boot = phys(MultibootInformation, information)
    if boot.flags & COMMAND_LINE_PRESENT == 0:
        return phys_span(information, u64(0))
    line = phys_span(Hpa(u64(boot.command_line)), u64(COMMAND_LINE_MAX))
    length = usize(0)
    while length < COMMAND_LINE_MAX and line[length] != 0:
        length += 1
    return line.slice(usize(0), length)
