import pytest
from hypothesis import given
from hypothesis import strategies as st

from codegen.lang import i64, storage, u8, u32, u64
from hypervisor.console.line import LINE_MAX, LineBuffer
from hypervisor.console.log import LOG, Level, LogRing, log, note

LINE = storage(LineBuffer)
TWICE = storage(LineBuffer)
RING = storage(LogRing)


@given(st.integers(0, (1 << 64) - 1), st.sampled_from([10, 16, 2]), st.integers(0, 30), st.integers(0, 3))
def test_numbers_look_as_python_would_write_them(value: int, base: int, width: int, flags: int) -> None:
    letter = {10: "d", 16: "x", 2: "b"}[base]
    prefix = "#" if flags & 2 and base == 16 else ""
    flags = flags if base == 16 else flags & 1
    LINE.clear()
    LINE.put_unsigned(u64(value), u32(base), u32(width), u32(flags))
    wanted = format(value, f"{prefix}{'0' if flags & 1 else ''}{width or ''}{letter}")
    assert bytes(LINE.span()).decode() == wanted


@given(st.integers(-(1 << 63), (1 << 63) - 1), st.integers(0, 30))
def test_signed_numbers_too(value: int, width: int) -> None:
    LINE.clear()
    LINE.put_signed(i64(value), u32(width))
    assert bytes(LINE.span()).decode() == format(value, f"{width or ''}d")


def test_a_long_line_is_cut_and_says_so() -> None:
    LINE.clear()
    for _ in range(LINE_MAX + 1):
        LINE.put(u8(0x41))
    assert bytes(LINE.span()) == b"A" * (LINE_MAX - 3) + b"..."


def lines(ring: LogRing) -> list[bytes]:
    found, position = [], ring.read(u64(0), TWICE)
    while position is not None:
        found.append(bytes(TWICE.span()))
        position = ring.read(position, TWICE)
    return found


def test_the_ring_keeps_the_last_lines_whole() -> None:
    for number in range(200):
        LINE.clear()
        LINE.put_unsigned(u64(number), u32(10), u32(450), u32(0))
        RING.append(Level.LOG, u64(number), LINE.span())
    kept = [int(line) for line in lines(RING)]
    assert kept == list(range(200 - len(kept), 200))
    assert 100 < len(kept) < 200


@pytest.mark.parametrize("sink", [log, note])
def test_every_sink_leaves_its_line_in_the_ring(sink: object) -> None:
    sink("words")  # type: ignore[operator]
    assert lines(LOG.ring) == [b"words"]
