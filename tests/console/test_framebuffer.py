from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.back.jit import NativeModule, compile_native
from codegen.front.lower import lower_program, module_functions
from codegen.front.program import TargetInfo
from codegen.lang import Hpa, host, memory, storage, u8, u32
from drivers.console import font, framebuffer, linear_framebuffer, text_cursor
from drivers.console.framebuffer import BRIGHTNESS, COLUMNS_MAX, FramebufferText, framebuffer_put, framebuffer_start
from drivers.console.linear_framebuffer import Framebuffer
from tests.console.text_screen import CHARACTERS, SHAPES, read_text

GUARD = b"\xa5" * 64
MODULES = [font, linear_framebuffer, text_cursor, framebuffer]
SCREEN = storage(FramebufferText)
MODE = storage(Framebuffer)

Run = Callable[..., Any]


@functools.cache
def native_module() -> NativeModule:
    target = TargetInfo(physical_base=memory.physical.start)
    program, diagnostics = lower_program(module_functions(MODULES), MODULES, target)
    assert not diagnostics, "\n".join(str(diagnostic) for diagnostic in diagnostics)
    return compile_native(program, 2)


def in_cpython(function: Any, *arguments: Any) -> Any:
    return function(*arguments)


def natively(function: Any, *arguments: Any) -> Any:
    return native_module().call(function, *arguments)


everywhere = pytest.mark.parametrize("run", [in_cpython, natively])


@dataclass(frozen=True)
class Mode:
    width: int = 160
    height: int = 64
    bits: int = 32
    padding: int = 0
    shifts: tuple[int, int, int] = (16, 8, 0)

    @property
    def stride(self) -> int:
        return self.width * self.bits // 8 + self.padding


class Display:
    """A framebuffer in the host's memory between guard bytes."""

    def __init__(self, run: Run, mode: Mode) -> None:
        self.run, self.mode = run, mode
        self.size = mode.stride * mode.height
        self.place = host.memory.allocate(self.size + 2 * len(GUARD))
        host.memory.write(self.place, GUARD + b"\x5a" * self.size + GUARD)
        MODE.base = Hpa(int(self.place) + len(GUARD))
        MODE.width, MODE.height, MODE.stride = mode.width, mode.height, mode.stride
        MODE.bits_per_pixel = mode.bits
        MODE.red_shift, MODE.green_shift, MODE.blue_shift = mode.shifts
        self.started = run(framebuffer_start, SCREEN, MODE)

    def put(self, text: bytes) -> None:
        for byte in text:
            self.run(framebuffer_put, SCREEN, u8(byte))

    def memory(self) -> bytes:
        whole = host.memory.read(self.place, self.size + 2 * len(GUARD))
        assert whole[: len(GUARD)] == whole[-len(GUARD) :] == GUARD
        return whole[len(GUARD) : -len(GUARD)]

    def pixels(self) -> list[list[int]]:
        """By line, and nothing but black and the text's colour."""
        content, depth = self.memory(), self.mode.bits // 8
        lines = [content[y * self.mode.stride :][: self.mode.stride] for y in range(self.mode.height)]
        assert all(not any(line[self.mode.width * depth :]) for line in lines)
        found = [
            [int.from_bytes(line[x * depth : (x + 1) * depth], "little") for x in range(self.mode.width)]
            for line in lines
        ]
        colour = sum(BRIGHTNESS << shift for shift in self.mode.shifts)
        assert {pixel for line in found for pixel in line} <= {0, colour}
        return found

    def lines(self) -> list[str]:
        pixels, scale = self.pixels(), int(SCREEN.scale)
        return read_text(lambda x, y: pixels[y][x] != 0, self.mode.width, self.mode.height, scale)


def test_no_two_characters_look_alike() -> None:
    assert len(SHAPES) == len(CHARACTERS) == 96
    assert all(any(shape) for shape, character in SHAPES.items() if character != " ")


LAYOUTS = [
    Mode(),
    Mode(shifts=(0, 8, 16)),
    Mode(shifts=(24, 16, 8), padding=4),
    Mode(padding=13),
    Mode(bits=24),
    Mode(bits=24, padding=5, shifts=(0, 8, 16)),
    Mode(width=167, height=79),
]


@everywhere
@pytest.mark.parametrize("mode", LAYOUTS)
def test_text_is_drawn_by_the_font_in_every_layout(run: Run, mode: Mode) -> None:
    display = Display(run, mode)
    assert display.started
    display.put(b"keelback: Hello,\nworld {0123} @ #!")
    assert display.lines() == ["keelback: Hello,", "world {0123} @ #!", "", ""]


@everywhere
def test_every_printable_character_is_shown(run: Run) -> None:
    display = Display(run, Mode(width=8 * 16, height=16 * 6))
    display.put(bytes(range(32, 127)))
    assert "".join(line.ljust(16) for line in display.lines()).rstrip() == "".join(CHARACTERS[:95]).rstrip()


@everywhere
def test_what_is_not_ascii_is_a_box_and_control_characters_move(run: Run) -> None:
    display = Display(run, Mode())
    display.put(b"\xc3\x7f.\x1b\x00\r\n12345\b\bx\rX\tY\n")
    assert display.lines() == ["\x7f\x7f.", "X23x5   Y", "", ""]


@everywhere
def test_a_long_line_goes_on_below(run: Run) -> None:
    display = Display(run, Mode())
    display.put(b"a" * 20 + b"\n" + b"b" * 21)
    assert display.lines() == ["a" * 20, "b" * 20, "b", ""]


@everywhere
def test_a_full_screen_scrolls_and_nothing_of_the_old_stays(run: Run) -> None:
    display = Display(run, Mode(height=8 * 16))
    display.put(b"".join(b"line %d %s\n" % (number, b"long" * (number % 3)) for number in range(8)))
    assert display.lines() == [f"line {n} {'long' * (n % 3)}".rstrip() for n in range(2, 8)] + ["", ""]
    display.put(b"a\nb\nc")
    assert display.lines() == [f"line {n} {'long' * (n % 3)}".rstrip() for n in range(4, 8)] + ["a", "b", "c", ""]


@everywhere
@pytest.mark.parametrize(("width", "height"), [(8, 16), (15, 31), (24, 16), (8, 48)])
def test_tiny_screens_show_the_end_of_the_text(run: Run, width: int, height: int) -> None:
    display = Display(run, Mode(width=width, height=height))
    display.put(b"abcdefgh\n\n" * 3 + b"xyz")
    assert "z" in "".join(display.lines())


@everywhere
def test_dense_screens_double_every_pixel(run: Run) -> None:
    display = Display(run, Mode(width=2560, height=64))
    display.put(b"first\nsecond")
    assert (int(SCREEN.cursor.columns), int(SCREEN.cursor.rows)) == (160, 2)
    assert display.lines() == ["first", "second"]
    pixels = display.pixels()
    assert pixels[0::2] == pixels[1::2]


def test_a_wider_screen_is_used_as_far_as_it_is_remembered() -> None:
    display = Display(natively, Mode(width=2400, height=32))
    display.put(b"x" * (COLUMNS_MAX + 1))
    assert display.lines() == ["x" * COLUMNS_MAX, "x"]


HOSTILE = [
    {"base": Hpa(0)},
    {"base": Hpa((1 << 64) - 4096)},
    {"width": 0},
    {"height": 0},
    {"width": 7},
    {"height": 15},
    {"width": 161},
    {"width": 0xFFFF_FFFF},
    {"height": 0xFFFF_FFFF},
    {"stride": 0},
    {"stride": 0xFFFF_FFFF},
    {"stride": 0xFFFF_FFFF, "width": 0x3FFF_FFFF, "height": 0xFFFF_FFFF},
    {"bits_per_pixel": 0},
    {"bits_per_pixel": 16},
    {"bits_per_pixel": 33},
    {"bits_per_pixel": 0xFFFF_FFF8},
    {"red_shift": 25},
    {"green_shift": 255},
    {"blue_shift": 32},
    {"bits_per_pixel": 24, "red_shift": 17},
]


@everywhere
@pytest.mark.parametrize("wrong", HOSTILE)
def test_a_description_that_makes_no_sense_is_not_believed(run: Run, wrong: dict[str, Any]) -> None:
    display = Display(run, Mode())
    before = display.memory()
    for name, value in wrong.items():
        setattr(MODE, name, value)
    assert not run(framebuffer_start, SCREEN, MODE)
    assert not SCREEN.present
    assert display.memory() == before


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300), st.integers(8, 90), st.integers(16, 90), st.sampled_from([24, 32]), st.integers(0, 9))
def test_the_picture_is_always_the_remembered_text(text: bytes, width: int, height: int, bits: int, pad: int) -> None:
    host.reset()
    display = Display(natively, Mode(width, height, bits, pad))
    display.put(text)
    cells = int(SCREEN.cursor.columns * SCREEN.cursor.rows)
    remembered = "".join(chr(int(SCREEN.text[u32(i)])) for i in range(cells))
    shown = "".join(line.ljust(width // 8) for line in display.lines())
    assert shown == "".join(c if " " <= c <= "~" else "\x7f" for c in remembered)
