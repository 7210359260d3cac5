"""The log of the run before this one, as a warm reset has left it in RAM: hostile until each line is judged."""

from __future__ import annotations

from codegen.lang import Field, Local, Span, Struct, fn, len, max, range, span, span_of, storage, u8, u32, u64, usize
from hypervisor.console.kept_log import (
    LINES_MAX,
    SLOT_MARK,
    SLOTS,
    Ending,
    KeptLine,
    checksum_of,
    kept_log_start,
    slot_of,
)
from hypervisor.console.line import LINE_MAX, LineBuffer
from hypervisor.console.log import Level, LogRing, log, warn

FIRST_PRINTABLE, LAST_PRINTABLE = 0x20, 0x7E
QUESTION_MARK = 0x3F


class LastRun(Struct):
    """A copy: the place in RAM is this run's by now."""

    lines: Field[u64]  # 0: there was no run before, or nothing of it was left
    lost: Field[u64]  # lines among them that the RAM has not kept
    ending: Field[Ending]
    panic: LineBuffer  # the first line of its panic
    ring: LogRing


LAST_RUN = storage(LastRun)


@fn(cold=True)
def last_run_start(flush: bool) -> None:
    """Take over what is there, then keep this run's log in its place (`flush`: by CLFLUSH)."""
    end = end_of_kept_lines()
    for number in range(end.saturating_sub(u64(SLOTS)), end):
        line = kept_line(number)
        if line is None or not take_line(line):
            LAST_RUN.lost += 1
    kept_log_start(flush)


@fn(cold=True)
def end_of_kept_lines() -> u64:
    """One more than the highest number of a line that is whole; 0 when there is none."""
    end = u64(0)
    for slot in range(u64(SLOTS)):
        number = slot_of(slot).number
        if number % SLOTS == slot and kept_line(number) is not None:
            end = max(end, number + 1)
    return end


@fn(cold=True)
def kept_line(number: u64) -> KeptLine | None:
    """Line `number`, if what lies in its slot is that line, and whole."""
    line = slot_of(number)
    if line.mark != SLOT_MARK or line.number != number or number >= LINES_MAX or line.length > LINE_MAX:
        return None
    return line if line.checksum == checksum_of(line) else None


@fn(cold=True)
def take_line(line: KeptLine) -> bool:
    """Copy a line; a terminal must obey nothing in it, whoever wrote it. False when this build does not know its level,
    or its ending."""
    level = Level.find(u32(line.level))
    ending = Ending.find(line.ending)
    if level is None or ending is None:
        return False
    copy = Local(LineBuffer)
    copy.clear()
    first_of_panic = level == Level.PANIC and LAST_RUN.panic.length == 0
    if first_of_panic:
        copy.put_text(span(b"PANIC: "))
    put_printable(copy, span_of(line).slice(usize(KeptLine.text.offset), usize(line.length)))
    if first_of_panic:
        put_printable(LAST_RUN.panic, span_of(line).slice(usize(KeptLine.text.offset), usize(line.length)))
    LAST_RUN.ring.append(level, line.tsc, copy.span())
    LAST_RUN.lines += 1
    LAST_RUN.ending = ending
    return True


@fn(cold=True)
def put_printable(into: LineBuffer, text: Span) -> None:
    """Append ASCII; a question mark for what is none."""
    for i in range(len(text)):
        byte = text[i]
        into.put(byte if byte >= FIRST_PRINTABLE and byte <= LAST_PRINTABLE else u8(QUESTION_MARK))


@fn(cold=True)
def offer_last_run() -> None:
    """The line at the start that says that there is something to read."""
    if LAST_RUN.lines == 0:
        return
    if LAST_RUN.ending == Ending.PANIC:
        warn(f"the run before ended in a panic ({LAST_RUN.panic.span()}); the command `last` shows its log")
    else:
        log(f"the run before ended {words_for_ending(LAST_RUN.ending)}; the command `last` shows its log")


@fn(cold=True)
def words_for_ending(ending: Ending) -> Span:
    """Behind "it ended"."""
    match ending:
        case Ending.PANIC:
            return span(b"in a panic")
        case Ending.REBOOT:
            return span(b"by `reboot`")
        case Ending.HALT:
            return span(b"by `halt`")
        case Ending.UNKNOWN:
            return span(b"without a word: by a reset from outside, or for lack of power")
