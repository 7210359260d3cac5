from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.lang import Span, storage, u8
from hypervisor.shell.edit import EDIT_MAX, EditLine
from hypervisor.shell.history import LINES, History
from hypervisor.shell.keys import Key
from tests.console.execution import everywhere

LINE = storage(EditLine)
HISTORY = storage(History)
KEYS = [Key.LEFT, Key.RIGHT, Key.HOME, Key.END, Key.BACKSPACE, Key.DELETE, Key.KILL_END, Key.KILL_START, Key.KILL_WORD]


def text(content: bytes) -> Span:
    return content  # type: ignore[return-value]


def model(line: str, cursor: int, act: Key | str) -> tuple[str, int]:
    """The same on a Python string."""
    before, behind = line[:cursor], line[cursor:]
    match act:
        case str():
            return (before + act + behind, cursor + 1) if len(line) < EDIT_MAX else (line, cursor)
        case Key.LEFT:
            return line, max(0, cursor - 1)
        case Key.RIGHT:
            return line, min(len(line), cursor + 1)
        case Key.HOME:
            return line, 0
        case Key.END:
            return line, len(line)
        case Key.BACKSPACE:
            return before[:-1] + behind, max(0, cursor - 1)
        case Key.DELETE:
            return before + behind[1:], cursor
        case Key.KILL_END:
            return before, cursor
        case Key.KILL_START:
            return behind, 0
        case _:
            kept = before.rstrip(" ")
            kept = kept[: kept.rfind(" ") + 1]
            return kept + behind, len(kept)


@everywhere
@settings(deadline=None)
@given(st.lists(st.sampled_from([*KEYS, "a", "b", " ", "a", "b"]), max_size=120))
def test_editing_is_that_of_a_string_with_a_cursor(run, acts: list[Key | str]) -> None:
    LINE.zero()
    line, cursor = "", 0
    for act in acts:
        if isinstance(act, str):
            run(EditLine.insert, LINE, u8(ord(act)))
        else:
            run(EditLine.press, LINE, act)
        line, cursor = model(line, cursor, act)
        assert (bytes(LINE.span()).decode(), int(LINE.cursor)) == (line, cursor)


def test_a_full_line_takes_no_more() -> None:
    LINE.zero()
    LINE.set(text(b"x" * (EDIT_MAX + 5)))
    assert bytes(LINE.span()) == b"x" * EDIT_MAX
    assert not LINE.insert(u8(0x78))


def shown() -> bytes:
    return bytes(LINE.span())


def test_history_goes_back_as_far_as_it_reaches_and_forward_to_the_draft() -> None:
    HISTORY.zero()
    for number in range(LINES + 3):
        HISTORY.add(text(b"line %d" % number))
    LINE.set(text(b"draft"))
    back = []
    for _ in range(LINES + 2):
        HISTORY.older(LINE)
        back.append(shown())
    assert back[:LINES] == [b"line %d" % number for number in reversed(range(3, LINES + 3))]
    assert back[LINES:] == [b"line 3"] * 2
    for _ in range(LINES + 2):
        HISTORY.newer(LINE)
    assert shown() == b"draft"


def test_history_keeps_neither_empty_nor_repeated_lines() -> None:
    HISTORY.zero()
    LINE.set(text(b""))
    HISTORY.older(LINE)
    assert shown() == b""
    for line in (b"one", b"", b"two", b"two"):
        HISTORY.add(text(line))
    HISTORY.older(LINE)
    HISTORY.older(LINE)
    assert shown() == b"one"
