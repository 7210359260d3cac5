from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.lang import storage, u8
from hypervisor.shell.keys import Key, KeyParser
from tests.console.execution import everywhere

PARSER = storage(KeyParser)


@pytest.fixture(autouse=True)
def plain() -> None:
    PARSER.zero()


def keys(run, typed: bytes) -> list[Key]:
    found = [run(KeyParser.feed, PARSER, u8(byte)) for byte in typed]
    return [key for key in found if key != Key.NOTHING]


SEQUENCES = {
    b"\x1b[A": Key.UP,
    b"\x1bOA": Key.UP,
    b"\x1b[B": Key.DOWN,
    b"\x1b[C": Key.RIGHT,
    b"\x1b[1;5C": Key.RIGHT,  # with Control
    b"\x1b[D": Key.LEFT,
    b"\x1b[H": Key.HOME,
    b"\x1b[1~": Key.HOME,
    b"\x1b[7~": Key.HOME,
    b"\x1bOH": Key.HOME,
    b"\x1b[F": Key.END,
    b"\x1b[4~": Key.END,
    b"\x1b[8~": Key.END,
    b"\x1b[3~": Key.DELETE,
    b"\x1b[3;2~": Key.DELETE,
    b"\x01": Key.HOME,
    b"\x05": Key.END,
    b"\x0b": Key.KILL_END,
    b"\x15": Key.KILL_START,
    b"\x17": Key.KILL_WORD,
    b"\x03": Key.CANCEL,
    b"\x08": Key.BACKSPACE,
    b"\x7f": Key.BACKSPACE,
    b"\t": Key.TAB,
    b"\r": Key.ENTER,
    b"\n": Key.ENTER,
    b"\r\n": Key.ENTER,
}


@everywhere
@pytest.mark.parametrize("typed", SEQUENCES)
def test_keys_are_known_and_nothing_of_them_is_text(run, typed: bytes) -> None:
    assert keys(run, typed) == [SEQUENCES[typed]]
    assert keys(run, b"x") == [Key.TEXT]


@everywhere
@pytest.mark.parametrize(
    "typed", [b"\x1b[2~", b"\x1b[15~", b"\x1b[I", b"\x1bOP", b"\x1bx", b"\x1b[?1049h", b"\x1b[99999~"]
)
def test_sequences_that_mean_nothing_here_say_nothing(run, typed: bytes) -> None:
    assert keys(run, typed) == []
    assert keys(run, b"x") == [Key.TEXT]


@everywhere
def test_a_control_character_ends_a_sequence_and_means_itself(run) -> None:
    assert keys(run, b"\x1b[12\r") == [Key.ENTER]
    assert keys(run, b"\x1b[\x1b[A") == [Key.UP]
    assert keys(run, b"\x1b\x03x") == [Key.CANCEL, Key.TEXT]


@everywhere
def test_two_returns_are_two(run) -> None:
    assert keys(run, b"\r\r\n\n") == [Key.ENTER] * 3


@everywhere
@settings(deadline=None)
@given(st.binary(max_size=60))
def test_after_any_garbage_a_line_can_be_typed(run, garbage: bytes) -> None:
    PARSER.zero()
    keys(run, garbage)
    assert keys(run, b"\x03ab") == [Key.CANCEL, Key.TEXT, Key.TEXT]
