from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.lang import storage, u8
from hypervisor.console.escape import Escape, Typed
from tests.console.execution import everywhere

ESCAPE = storage(Escape)


@pytest.fixture(autouse=True)
def plain() -> None:
    ESCAPE.zero()


def feed(run, keys: bytes) -> list[Typed]:
    return [run(Escape.feed, ESCAPE, u8(key)) for key in keys]


def name() -> bytes:
    return bytes(ESCAPE.name_span())


@everywhere
def test_what_is_typed_is_passed_on(run) -> None:
    assert feed(run, b"ls\r\x1b[A") == [Typed.BYTE] * 6


@everywhere
@pytest.mark.parametrize(
    ("keys", "typed"),
    [(b"m", Typed.SHELL), (b"a", Typed.ALL), (b"?", Typed.HELP), (b"\x01", Typed.BYTE), (b"7", Typed.NUMBER)],
)
def test_control_a_and_a_key_is_a_command(run, keys: bytes, typed: Typed) -> None:
    assert feed(run, b"\x01" + keys + b"z") == [Typed.NOTHING, typed, Typed.BYTE]
    if typed == Typed.NUMBER:
        assert ESCAPE.number == 7


@everywhere
@pytest.mark.parametrize("keys", [b"debian\r", b"'debian\n", b"debx\x7fian\r", b"de\x01'debian\r"])
def test_a_name_ends_with_enter(run, keys: bytes) -> None:
    assert feed(run, b"\x01" + keys) == [Typed.NOTHING] * len(keys) + [Typed.NAME]
    assert name() == b"debian"
    assert feed(run, b"x") == [Typed.BYTE]


@everywhere
def test_names_that_begin_with_a_commands_letter_need_a_quote(run) -> None:
    assert feed(run, b"\x01'mach\r")[-1] == Typed.NAME
    assert name() == b"mach"


@everywhere
@pytest.mark.parametrize("keys", [b"\x1b", b"\x03", b"deb\x1b", b"deb\x03", b"'\x07", b"\xff"])
def test_other_control_characters_give_up(run, keys: bytes) -> None:
    assert feed(run, b"\x01" + keys) == [Typed.NOTHING] * (len(keys) + 1)
    assert feed(run, b"x") == [Typed.BYTE]


@everywhere
@settings(deadline=None)
@given(st.binary(max_size=80))
def test_no_bytes_confuse_it_for_good(run, garbage: bytes) -> None:
    ESCAPE.zero()
    feed(run, garbage)
    assert len(name()) <= 32
    assert feed(run, b"\x1b\x01m")[-1] == Typed.SHELL or feed(run, b"\x1b\x01m")[-1] == Typed.SHELL
