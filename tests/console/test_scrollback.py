from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.lang import storage, u8, u32, u64
from hypervisor.console.scrollback import SCROLLBACK_BYTES, Scrollback
from tests.console.execution import everywhere

RING = storage(Scrollback)


@pytest.fixture(autouse=True)
def empty() -> None:
    RING.zero()


def put(run, text: bytes) -> None:
    for byte in text:
        run(Scrollback.put, RING, u8(byte))


def kept(first: int, end: int) -> bytes:
    return bytes(int(RING.byte_at(u64(i))) for i in range(first, end))


@everywhere
@settings(deadline=None)
@given(st.binary(max_size=40), st.integers(0, 40), st.integers(1, 40))
def test_a_piece_ends_behind_its_line_or_at_the_limit(run, text: bytes, shown: int, limit: int) -> None:
    RING.zero()
    put(run, text)
    shown = min(shown, len(text))
    RING.shown = shown
    rest = text[shown : shown + limit]
    wanted = len(rest.split(b"\n")[0]) + 1 if b"\n" in rest else len(rest)
    assert int(run(Scrollback.piece_end, RING, u64(limit))) == shown + wanted
    assert int(RING.lines_end) == text.rfind(b"\n") + 1


@everywhere
@settings(deadline=None)
@given(st.lists(st.sampled_from([b"", b"a", b"bc"]), max_size=8), st.booleans(), st.integers(1, 5))
def test_the_tail_is_the_last_lines(run, lines: list[bytes], finished: bool, wanted: int) -> None:
    RING.zero()
    text = b"\n".join(lines) + (b"\n" if finished else b"")
    put(run, text)
    first = int(run(Scrollback.tail, RING, u32(wanted), u64(2048)))
    assert text[first:] == b"".join(text.splitlines(keepends=True)[-wanted:])


@everywhere
def test_the_tail_is_not_longer_than_its_limit(run) -> None:
    put(run, b"x" * 50)
    assert run(Scrollback.tail, RING, u32(3), u64(20)) == 30


def test_the_oldest_bytes_make_room_whether_shown_or_not() -> None:
    RING.end = SCROLLBACK_BYTES - 3
    for byte in b"abcdefgh":
        RING.put(u8(byte))
    assert (int(RING.shown), int(RING.backlog())) == (5, SCROLLBACK_BYTES)
    assert kept(SCROLLBACK_BYTES - 3, SCROLLBACK_BYTES + 5) == b"abcdefgh"
