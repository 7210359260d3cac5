from __future__ import annotations

import pytest

from codegen.lang import storage
from drivers.keyboard.keyboard import Keyboard, KeyboardFound, keyboard_read, keyboard_start, keyboard_use_interrupt
from hypervisor.console.console import CONSOLE, console_start, console_take_input
from hypervisor.console.keyboard import (
    KEYBOARD,
    console_find_keyboard,
    console_keyboard,
    console_keyboard_interrupts,
)
from tests.console.execution import everywhere
from tests.console.fake_keyboard import FakeKeyboard

STATE = storage(Keyboard)


@pytest.fixture(autouse=True)
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drivers.keyboard.keyboard.PATIENCE", 5)


@everywhere
@pytest.mark.parametrize("translates", [True, False])
def test_a_keyboard_is_found_and_set_up_once_it_answers(run, translates: bool) -> None:
    device = FakeKeyboard(translates=translates)
    assert run(keyboard_start, STATE) == KeyboardFound.FOUND
    assert STATE.present and STATE.decoder.set_2 is not translates
    assert device.told == [0xF6, 0xF6, 0xF4]  # the first one is asked for again
    assert device.configuration & 0x33 == 0x20
    run(keyboard_use_interrupt, STATE)
    assert device.configuration & 0x33 == 0x21


@everywhere
def test_a_controller_without_a_keyboard_is_told_apart(run) -> None:
    FakeKeyboard(plugged=False)
    assert run(keyboard_start, STATE) == KeyboardFound.NO_KEYBOARD


@everywhere
def test_nothing_at_the_ports_is_no_controller(run) -> None:
    assert run(keyboard_start, STATE) == KeyboardFound.NO_CONTROLLER


def test_a_dead_controller_is_given_up() -> None:
    FakeKeyboard(dead=True)
    assert keyboard_start(STATE) == KeyboardFound.NO_CONTROLLER


@everywhere
def test_a_mouses_bytes_are_no_keys(run) -> None:
    device = FakeKeyboard()
    assert run(keyboard_start, STATE) == KeyboardFound.FOUND
    device.mouse = True
    device.waiting += b"\x08\x01"
    assert run(keyboard_read) is None
    assert not device.waiting


def test_keys_are_console_input_and_bring_the_guests_to_the_screen() -> None:
    console_start(False)
    device = FakeKeyboard()
    assert console_find_keyboard() == KeyboardFound.FOUND
    console_keyboard_interrupts()
    assert KEYBOARD.by_interrupt
    assert not CONSOLE.on_screen
    device.waiting += bytes([0x1D, 0x1E, 0x9E, 0x9D, 0x32, 0xB2, 0xE0, 0x48])
    console_keyboard()
    assert CONSOLE.on_screen
    got = bytearray()
    while (byte := console_take_input()) is not None:
        got.append(int(byte))
    assert got == b"\x01m\x1b[A"
