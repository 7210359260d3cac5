"""Text sinks get the whole text under CPython, between begin and end."""

from __future__ import annotations

from typing import Any

import pytest

from codegen.lang import HwEnum, Never, Span, TextSink, fn, i64, span, u8, u32, u64

seen: list[bytes] = []


class Reason(HwEnum, repr=u8):
    HLT = 12


@fn
def begin() -> None:
    seen.append(b"<")


@fn
def text(piece: Span) -> None:
    seen.append(bytes(piece))


@fn
def unsigned(value: u64, base: u32, width: u32, flags: u32) -> None:
    pass


@fn
def signed(value: i64, width: u32) -> None:
    pass


@fn
def end() -> None:
    seen.append(b">")


parts: Any = {"begin": begin, "text": text, "unsigned": unsigned, "signed": signed, "end": end}
log = TextSink(**parts)
panic = TextSink(**parts, noreturn=True)


@fn
def report(size: u64, reason: Reason, name: Span, ready: bool) -> None:
    log(f"{name}: {size:#x} {size:08x} {reason} {ready} {size}")


@fn
def give_up() -> Never:
    panic("no – never")


@pytest.fixture(autouse=True)
def nothing_seen() -> None:
    seen.clear()


def test_a_line_is_begun_written_and_ended() -> None:
    report(u64(0xAB), Reason.HLT, span(b"vm"), True)
    assert b"".join(seen) == b"<vm: 0xab 000000ab HLT True 171>"


def test_bytes_that_are_no_text_pass_unchanged() -> None:
    log(f"{span(bytes(range(256)))}")
    assert seen[1] == bytes(range(256))


def test_a_last_sink_does_not_return() -> None:
    with pytest.raises(RuntimeError, match="came back"):
        give_up()
    assert b"".join(seen) == "<no – never>".encode()
