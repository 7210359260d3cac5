"""The monitor's own words: `log` to the console, `warn` the same louder, `note` to the ring only, where all stay.

`log_panic` is for what follows a panic's first line: the panic has seized the console, so it takes no lock.
"""

from __future__ import annotations

from codegen.lang import (
    Array,
    Field,
    HwEnum,
    Span,
    Struct,
    TextSink,
    count,
    fn,
    i64,
    len,
    range,
    rdtsc,
    span,
    storage,
    u8,
    u32,
    u64,
)
from hypervisor.console.console import CONSOLE, console_line
from hypervisor.console.kept_log import keep_over_reset
from hypervisor.console.line import LineBuffer
from hypervisor.cpu.per_cpu import CPU

LOG_BYTES = 1 << 16
HEADER_BYTES = 11  # TSC 8, level 1, length 2


class Level(HwEnum, repr=u32):
    """How much a line matters."""

    NOTE = 0  # ring only
    LOG = 1
    WARNING = 2
    PANIC = 3


class LogRing(Struct):
    """The last lines, oldest overwritten first. Positions run freely and are masked at use.

    A record is a header (TSC, level, length; little-endian) and the text.
    """

    first: Field[u64]  # position of the oldest whole record
    end: Field[u64]
    bytes: Array[u8] = count(LOG_BYTES)

    @fn
    def append(self, level: Level, tsc: u64, text: Span) -> None:
        """Keep one line."""
        needed = u64(len(text)) + HEADER_BYTES
        while LOG_BYTES - (self.end - self.first) < needed:
            self.first += HEADER_BYTES + self.text_length(self.first)
        self.put_number(tsc, u32(8))
        self.put_number(u64(u32(level)), u32(1))
        self.put_number(u64(len(text)), u32(2))
        for i in range(len(text)):
            self.put(text[i])

    @fn
    def put(self, byte: u8) -> None:
        self.bytes[self.end & (LOG_BYTES - 1)] = byte
        self.end += 1

    @fn
    def put_number(self, value: u64, width: u32) -> None:
        rest = value
        for _ in range(width):
            self.put(u8.trunc(rest))
            rest = rest >> 8

    @fn
    def number_at(self, position: u64, width: u32) -> u64:
        value = u64(0)
        for i in range(u64(width)):
            value = value | u64(self.bytes[(position + i) & (LOG_BYTES - 1)]) << (8 * i)
        return value

    @fn
    def text_length(self, position: u64) -> u64:
        """Length of the text of the record at `position`, bytes."""
        return self.number_at(position + 9, u32(2))

    @fn
    def record_from(self, position: u64) -> u64:
        """The first record's position at or after any number, at most `end`: `read` believes that it is given one."""
        here = self.first
        while here < position and here < self.end:
            here += HEADER_BYTES + self.text_length(here)
        return here

    @fn
    def read(self, position: u64, into: LineBuffer) -> u64 | None:
        """Copy the line of the first record at or after `position`; gives the next record's position, None at the end.

        Start with 0. A position that has been overwritten goes on with the oldest line that is left.
        """
        here = position
        if here < self.first:
            here = self.first
        if here >= self.end:
            return None
        length = self.text_length(here)
        into.clear()
        for i in range(length):
            into.put(self.bytes[(here + HEADER_BYTES + i) & (LOG_BYTES - 1)])
        return here + HEADER_BYTES + length


class LogState(Struct):
    """What was said. CONSOLE.lock guards it, so that the ring and the console have the lines in one order."""

    ring: LogRing
    lines: Field[u64]  # counter


LOG = storage(LogState)


@fn
def begin_line() -> None:
    """Each processor puts its lines together by itself. No other line interrupts it: what a line shows is computed
    before it begins, and handlers of interrupts do not log."""
    CPU.here().line.clear()


@fn
def begin_warning() -> None:
    begin_line()
    put_text(span(b"warning: "))


@fn
def put_text(piece: Span) -> None:
    CPU.here().line.put_text(piece)


@fn
def put_unsigned(value: u64, base: u32, width: u32, flags: u32) -> None:
    CPU.here().line.put_unsigned(value, base, width, flags)


@fn
def put_signed(value: i64, width: u32) -> None:
    CPU.here().line.put_signed(value, width)


@fn
def keep_line(level: Level, text: Span) -> None:
    """A finished line goes into the ring, and where a reset leaves it."""
    tsc = rdtsc()
    LOG.ring.append(level, tsc, text)
    keep_over_reset(u8(u32(level)), tsc, text)
    LOG.lines += 1


@fn
def end_note() -> None:
    with CONSOLE.lock:
        keep_line(Level.NOTE, CPU.here().line.span())


@fn
def end_log() -> None:
    with CONSOLE.lock:
        keep_and_show(Level.LOG, CPU.here().line.span())


@fn
def end_warning() -> None:
    with CONSOLE.lock:
        keep_and_show(Level.WARNING, CPU.here().line.span())


@fn
def end_panic_line() -> None:
    keep_and_show(Level.PANIC, CPU.here().line.span())


@fn
def keep_and_show(level: Level, text: Span) -> None:
    """To the ring and the console, which the caller has for itself."""
    keep_line(level, text)
    console_line(span(b""), text)


note = TextSink(begin=begin_line, text=put_text, unsigned=put_unsigned, signed=put_signed, end=end_note)
log = TextSink(begin=begin_line, text=put_text, unsigned=put_unsigned, signed=put_signed, end=end_log)
warn = TextSink(begin=begin_warning, text=put_text, unsigned=put_unsigned, signed=put_signed, end=end_warning)
log_panic = TextSink(begin=begin_line, text=put_text, unsigned=put_unsigned, signed=put_signed, end=end_panic_line)
