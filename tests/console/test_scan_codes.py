from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.lang import storage, u8
from drivers.keyboard.scan_codes import SET_2, ScanDecoder
from tests.console.execution import everywhere

DECODER = storage(ScanDecoder)
SHIFT, CONTROL, CAPS = 0x2A, 0x1D, 0x3A
ROWS = ["`1234567890-=", "qwertyuiop[]\\", "asdfghjkl;'", "zxcvbnm,./"]
UPPER = ["~!@#$%^&*()_+", "QWERTYUIOP{}|", 'ASDFGHJKL:"', "ZXCVBNM<>?"]
CODES = [[0x29, *range(2, 14)], [*range(0x10, 0x1C), 0x2B], range(0x1E, 0x29), range(0x2C, 0x36)]
EXTENDED = {0x48: "\x1b[A", 0x50: "\x1b[B", 0x4D: "\x1b[C", 0x4B: "\x1b[D", 0x47: "\x1b[H", 0x4F: "\x1b[F"}
EXTENDED |= {0x53: "\x1b[3~", 0x49: "\x1b[5~", 0x51: "\x1b[6~", 0x52: "\x1b[2~", 0x1C: "\r", 0x35: "/"}


@pytest.fixture(autouse=True, params=[1, 2], ids=["set-1", "set-2"])
def scan_set(request: pytest.FixtureRequest) -> int:
    DECODER.zero()
    DECODER.set_2 = request.param == 2
    return int(request.param)


def send(run, codes: bytes) -> str:
    said = ""
    for code in codes:
        said += "".join(chr(int(DECODER.output[i])) for i in range(int(run(ScanDecoder.feed, DECODER, u8(code)))))
    return said


def down(key: int, extended: bool = False) -> bytes:
    return bytes([0xE0] * extended) + bytes([SET_2[key] if DECODER.set_2 else key])


def up(key: int, extended: bool = False) -> bytes:
    if DECODER.set_2:
        return bytes([0xE0] * extended) + bytes([0xF0, SET_2[key]])
    return bytes([0xE0] * extended) + bytes([key | 0x80])


def press(key: int, extended: bool = False) -> bytes:
    return down(key, extended) + up(key, extended)


@everywhere
def test_every_key_sends_what_is_printed_on_it(run) -> None:
    for codes, plain, shifted in zip(CODES, ROWS, UPPER, strict=True):
        assert send(run, b"".join(map(press, codes))) == plain
        assert send(run, down(SHIFT) + b"".join(map(press, codes)) + up(SHIFT)) == shifted
    assert send(run, press(0x39) + press(0x1C) + press(0x0E) + press(0x0F) + press(0x01)) == " \r\x7f\t\x1b"


@everywhere
def test_control_makes_control_characters_and_ends_with_its_key(run) -> None:
    keys = press(0x1E) + press(0x16) + press(0x1A)
    for extended in (False, True):
        assert send(run, down(CONTROL, extended) + keys + up(CONTROL, extended) + keys) == "\x01\x15\x1bau["


@everywhere
def test_either_shift_holds_and_caps_lock_is_for_letters(run) -> None:
    assert send(run, down(SHIFT) + down(0x36) + up(SHIFT) + press(0x1E) + up(0x36) + press(0x1E)) == "Aa"
    assert send(run, press(CAPS) + press(0x1E) + press(2) + down(SHIFT) + press(0x1E) + up(SHIFT)) == "A1a"
    assert send(run, press(CAPS) + press(0x1E)) == "a"


@everywhere
def test_a_key_that_is_held_repeats(run) -> None:
    assert send(run, down(0x1E) * 3 + up(0x1E)) == "aaa"


@everywhere
def test_the_grey_keys_send_escape_sequences_also_with_num_lock(run) -> None:
    for key, text in EXTENDED.items():
        assert send(run, down(SHIFT, True) + press(key, True) + up(SHIFT, True)) == text
    assert send(run, press(0x48) + press(0x53)) == "8."
    assert DECODER.shift == 0


@everywhere
def test_pause_sends_nothing_and_leaves_nothing_behind(run, scan_set: int) -> None:
    pause = "e1 1d 45 e1 9d c5" if scan_set == 1 else "e1 14 77 e1 f0 14 f0 77"
    assert send(run, bytes.fromhex(pause) + press(0x1E)) == "a"


@everywhere
@settings(deadline=None)
@given(st.binary(max_size=60))
def test_garbage_is_survived(run, codes: bytes) -> None:
    DECODER.zero()
    send(run, codes)
    DECODER.set_2 = True
    send(run, codes)
