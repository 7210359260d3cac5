import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codegen.lang import Hpa, host, sizeof, storage, u8, u32, u64
from hypervisor.console.console import console_flush, console_start
from hypervisor.console.kept_log import (
    KEPT_LOG,
    KEPT_LOG_BASE,
    KEPT_LOG_END,
    SLOT_BYTES,
    SLOTS,
    Ending,
    checksum_of,
    keep_over_reset,
    kept_log_start,
    slot_of,
)
from hypervisor.console.last_run import LAST_RUN, last_run_start, offer_last_run
from hypervisor.console.line import LINE_MAX, LineBuffer
from hypervisor.console.log import LOG, Level, log, warn
from tests.console.execution import Run, everywhere, in_cpython
from tests.console.fake_uart import FakeUart

LINE = storage(LineBuffer)
LEVEL = u8(u32(Level.LOG))


def keep(run: Run, text: bytes, level: Level = Level.LOG, tsc: int = 7) -> None:
    run(keep_over_reset, u8(u32(level)), u64(tsc), text)


def reset(run: Run) -> list[bytes]:
    """The machine comes back: the monitor's own memory is empty, RAM is as it was. What the next run finds."""
    KEPT_LOG.zero()
    LAST_RUN.zero()
    run(last_run_start, False)
    found, position = [], u64(0)
    while (after := LAST_RUN.ring.read(position, LINE)) is not None:
        found.append(bytes(LINE.span()))
        position = after
    assert len(found) <= LAST_RUN.lines
    return found


def read_place() -> bytes:
    return host.memory.read(Hpa(KEPT_LOG_BASE), KEPT_LOG_END - KEPT_LOG_BASE)


@pytest.fixture(autouse=True)
def fresh_log(fresh_machine: None) -> None:
    kept_log_start(False)


@everywhere
def test_the_lines_of_a_run_come_through_a_reset_once(run: Run) -> None:
    keep(run, b"one")
    keep(run, b"")
    keep(run, b"x" * LINE_MAX)
    assert reset(run) == [b"one", b"", b"x" * LINE_MAX]
    assert LAST_RUN.lost == 0 and LAST_RUN.ending == Ending.UNKNOWN
    assert reset(run) == [] and LAST_RUN.lines == 0


@everywhere
@pytest.mark.parametrize("count", [SLOTS - 1, SLOTS, SLOTS + 1, 3 * SLOTS + 5])
def test_of_many_lines_the_last_ones_come_through_in_order(run: Run, count: int) -> None:
    for number in range(count):
        keep(run, b"%d" % number)
    assert reset(run) == [b"%d" % number for number in range(max(0, count - SLOTS), count)]
    assert LAST_RUN.lost == 0


def test_what_was_in_ram_before_is_no_log() -> None:
    host.memory.write(Hpa(KEPT_LOG_BASE), bytes(range(256)) * (SLOTS * SLOT_BYTES // 256))
    assert reset(in_cpython) == [] and LAST_RUN.lost == 0
    assert read_place() == bytes(SLOTS * SLOT_BYTES)


@everywhere
def test_a_line_that_was_half_written_or_has_decayed_is_lost_alone_and_counted(run: Run) -> None:
    for text in (b"one", b"two", b"three"):
        keep(run, text)
    for offset in range(32 + len(b"two")):
        line = Hpa(KEPT_LOG_BASE + SLOT_BYTES)
        whole = host.memory.read(Hpa(KEPT_LOG_BASE), 3 * SLOT_BYTES)
        for bit in range(8):
            byte = whole[SLOT_BYTES + offset]
            host.memory.write(line + offset, bytes([byte ^ (1 << bit)]))
            assert reset(run) == [b"one", b"three"], (offset, bit)
            assert LAST_RUN.lost == 1
            host.memory.write(Hpa(KEPT_LOG_BASE), whole)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(0, SLOTS * SLOT_BYTES - 1), st.binary(min_size=1, max_size=64)), max_size=12),
    st.integers(0, 40),
)
def test_whatever_happens_to_the_ram_only_whole_lines_are_found(damage: list[tuple[int, bytes]], count: int) -> None:
    kept_log_start(False)
    said = [b"line %d" % number for number in range(count)]
    for text in said:
        keep(in_cpython, text)
    for at, content in damage:
        host.memory.write(Hpa(KEPT_LOG_BASE + at), content[: SLOTS * SLOT_BYTES - at])
    found = reset(in_cpython)
    assert set(found) <= set(said) and found == sorted(found, key=said.index)


FORGERIES = {
    "number": [0, 1, SLOTS - 1, SLOTS, 1 << 47, (1 << 48) - 1, 1 << 48, (1 << 64) - SLOTS, (1 << 64) - 1],
    "length": [0, 1, LINE_MAX, LINE_MAX + 1, 0xFFFF],
    "level": [0, 3, 4, 255],
    "ending": [0, 3, 4, 255],
    "mark": [0, 0xFFFF_FFFF],
}


@everywhere
@pytest.mark.parametrize("field", FORGERIES)
@pytest.mark.parametrize("slot", [0, SLOTS - 1])
def test_a_line_with_a_right_sum_and_wrong_contents_does_no_harm(run: Run, field: str, slot: int) -> None:
    for value in FORGERIES[field]:
        kept_log_start(False)
        keep(run, b"before")
        line = slot_of(u64(slot))
        line.copy_from(slot_of(u64(0)))
        line.number = slot
        setattr(line, field, value)
        line.checksum = checksum_of(line)
        reset(run)
        assert LAST_RUN.lost <= SLOTS


@everywhere
def test_a_terminal_obeys_nothing_in_it(run: Run) -> None:
    keep(run, b"\x1b[2J\x00\x9b\xff~ok", Level.PANIC)
    assert reset(run) == [b"PANIC: ?[2J???~ok"]
    assert bytes(LAST_RUN.panic.span()) == b"?[2J???~ok"


ENDINGS = {
    Ending.UNKNOWN: b"the run before ended without a word: by a reset from outside, or for lack of power",
    Ending.REBOOT: b"the run before ended by `reboot`",
    Ending.HALT: b"the run before ended by `halt`",
    Ending.PANIC: b"warning: the run before ended in a panic (page fault)",
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_next_run_says_why_the_one_before_ended(ending: Ending) -> None:
    log("one")
    KEPT_LOG.ending = ending
    if ending == Ending.PANIC:
        keep(in_cpython, b"page fault", Level.PANIC)
        keep(in_cpython, b"  rip 0", Level.PANIC)
    else:
        warn("two")
    last = [b"PANIC: page fault", b"  rip 0"] if ending == Ending.PANIC else [b"warning: two"]
    assert reset(in_cpython) == [b"one", *last]
    uart = FakeUart()
    console_start(False)
    offer_last_run()
    console_flush()
    assert bytes(uart.sent) == b"keelback: " + ENDINGS[ending] + b"; the command `last` shows its log\r\n"


def test_a_first_run_offers_nothing() -> None:
    reset(in_cpython)
    uart = FakeUart()
    console_start(False)
    offer_last_run()
    assert not uart.sent


@pytest.mark.parametrize("flush", [False, True])
def test_each_cache_line_of_a_line_is_written_back(flush: bool) -> None:
    kept_log_start(flush)
    host.cpu.log.clear()
    keep(in_cpython, b"x" * 100)
    flushed = [at for name, at in (each for each in host.cpu.log if each[0] == "clflush")]
    assert len(flushed) == (3 if flush else 0)
    assert sorted(flushed) == [min(flushed, default=0) + 64 * i for i in range(len(flushed))]


def test_nothing_is_kept_where_there_is_no_ram_for_it() -> None:
    KEPT_LOG.zero()
    before = read_place()
    log("unkept")
    assert read_place() == before and LOG.lines == 1
    assert sizeof(type(slot_of(u64(0)))) == SLOT_BYTES
