"""The log, kept in RAM for the run after a warm reset: where it lies, its format, and how lines get there.

The place is below the image, the archive and all that the loaders claim (16 MiB), below what OVMF uses while it starts
(8 MiB), and behind where other boot programs begin (1 MiB); the frame allocator never hands it out. Each line has a
slot of its own that can be judged by itself: no header says where the log begins, so none can be wrong.
"""

from __future__ import annotations

from codegen.lang import (
    Array,
    Field,
    Hpa,
    HwEnum,
    Span,
    Struct,
    address_of,
    at,
    clflush,
    fn,
    len,
    mfence,
    min,
    phys,
    phys_span,
    range,
    span_at,
    storage,
    u8,
    u16,
    u32,
    u64,
    usize,
)
from hypervisor.console.line import LINE_MAX

KEPT_LOG_BASE = 0x1C_0000
KEPT_LOG_END = 0x20_0000
SLOT_BYTES = 512
SLOTS = (KEPT_LOG_END - KEPT_LOG_BASE) // SLOT_BYTES
SLOT_MARK = 0x314C_424B  # "KBL1": the last character is the format's number
LINES_MAX = 1 << 48
CHECKED_FROM = 8  # the sum itself is not summed up
CACHE_LINE = 64  # the smallest that CLFLUSH drops on any 64-bit processor
FNV_BASIS = 0xCBF2_9CE4_8422_2325
FNV_PRIME = 0x0000_0100_0000_01B3


class Ending(HwEnum, repr=u8):
    """How a run is about to end, as far as it knows."""

    UNKNOWN = 0  # it runs; a reset that nobody announced finds it so
    PANIC = 1
    REBOOT = 2
    HALT = 3


class KeptLine(Struct, size=SLOT_BYTES, align=8):
    """Line `number` of a run, in slot `number` modulo SLOTS. The format does not change from build to build."""

    checksum: Field[u64] = at(0)  # of everything behind it, up to the end of the text
    number: Field[u64] = at(8)
    tsc: Field[u64] = at(16)
    mark: Field[u32] = at(24)
    length: Field[u16] = at(28)
    level: Field[u8] = at(30)
    ending: Field[u8] = at(31)  # Ending, as it was when the line was kept
    text: Array[u8] = at(32, count=LINE_MAX)


class KeptLog(Struct):
    """How far this run's lines have come."""

    present: Field[bool]  # the place is RAM, and ours
    flushed: Field[bool]  # there is CLFLUSH
    ending: Field[Ending]
    number: Field[u64]  # of the next line


KEPT_LOG = storage(KeptLog)


@fn(cold=True)
def kept_log_start(flush: bool) -> None:
    """The place becomes this run's, empty. `flush`: the processor has CLFLUSH (CPUID 1, EDX bit 19)."""
    phys_span(Hpa(u64(KEPT_LOG_BASE)), u64(KEPT_LOG_END - KEPT_LOG_BASE)).fill(u8(0))
    KEPT_LOG.ending = Ending.UNKNOWN
    KEPT_LOG.number = 0
    KEPT_LOG.flushed = flush
    KEPT_LOG.present = True


@fn
def slot_of(number: u64) -> KeptLine:
    """Where line `number` is kept."""
    return phys(KeptLine, Hpa(u64(KEPT_LOG_BASE)) + number % SLOTS * SLOT_BYTES)


@fn
def keep_over_reset(level: u8, tsc: u64, text: Span) -> None:
    """Keep one line. While it is being written its sum is wrong; a reset just then loses this line alone."""
    if not KEPT_LOG.present:
        return
    line = slot_of(KEPT_LOG.number)
    length = min(len(text), usize(LINE_MAX))
    line.checksum = 0
    line.number = KEPT_LOG.number
    line.tsc = tsc
    line.mark = SLOT_MARK
    line.length = u16(length)
    line.level = level
    line.ending = u8(KEPT_LOG.ending)
    for i in range(length):
        line.text[i] = text[i]
    line.checksum = checksum_of(line)
    KEPT_LOG.number += 1
    if KEPT_LOG.flushed:
        write_back(line)


@fn
def checksum_of(line: KeptLine) -> u64:
    """FNV-1a, 64 bits (Fowler, Noll and Vo), which a change of one byte always changes. `length` is in range."""
    end = usize(KeptLine.text.offset) + usize(line.length)
    content = span_at(address_of(line), end)
    sum = u64(FNV_BASIS)
    for i in range(usize(CHECKED_FROM), end):
        sum = (sum ^ u64(content[i])).wrapping_mul(u64(FNV_PRIME))
    return sum


@fn
def write_back(line: KeptLine) -> None:
    """A reset loses what the caches have not written back: it leaves them invalid (SDM vol. 3A, table 10-1)."""
    for offset in range(u64(0), u64(KeptLine.text.offset) + u64(line.length), CACHE_LINE):
        clflush(address_of(line) + offset)
    mfence()
