from __future__ import annotations

from codegen.lang import Hpa, host, storage, u8
from drivers.console.vga_text import CELLS, COLUMNS, ROWS, VgaText, vga_put, vga_start

SCREEN = storage(VgaText)


def put(text: bytes) -> None:
    for byte in text:
        vga_put(SCREEN, u8(byte))


def lines() -> list[str]:
    content = host.memory.read(Hpa(0xB8000), 2 * CELLS)
    assert set(content[1::2]) == {7}
    return [content[row : row + 2 * COLUMNS : 2].decode("cp437").rstrip() for row in range(0, 2 * CELLS, 2 * COLUMNS)]


def test_the_screen_is_cleared_and_shows_what_is_printed() -> None:
    host.memory.write(Hpa(0xB8000), b"\x41\x12" * CELLS)
    assert vga_start(SCREEN)
    put(b"one\r\ntwo\rT\n\ta\bb")
    assert lines() == ["one", "Two", "        b"] + [""] * (ROWS - 3)


def test_a_full_line_goes_on_below_but_its_end_leaves_no_empty_one() -> None:
    vga_start(SCREEN)
    put(b"x" * COLUMNS + b"\n" + b"y" * (COLUMNS + 1))
    assert lines()[:4] == ["x" * COLUMNS, "y" * COLUMNS, "y", ""]


def test_a_full_screen_moves_up_by_one_line() -> None:
    vga_start(SCREEN)
    put(b"".join(b"line %d\n" % number for number in range(40)))
    assert lines() == [f"line {number}" for number in range(40 - ROWS + 1, 40)] + [""]
