"""Pictures of the machine's screen as text again: QEMU's monitor, its screendumps, and the font read backwards."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path

from codegen.lang import u8, u32
from drivers.console.font import CELL_HEIGHT, CELL_WIDTH, FIRST_CHARACTER, LAST_CHARACTER, glyph_row

CHARACTERS = [chr(code) for code in range(FIRST_CHARACTER, LAST_CHARACTER + 1)] + ["\x7f"]
SHAPES = {
    tuple(int(glyph_row(u8(ord(character)), u32(row))) for row in range(CELL_HEIGHT)): character
    for character in CHARACTERS
}

Lit = Callable[[int, int], bool]


def read_text(lit: Lit, width: int, height: int, scale: int = 1) -> list[str]:
    """The lines of a screen on which `lit(x, y)` says what is not black. KeyError when a cell is no character."""
    return [
        "".join(
            SHAPES[cell(lit, column * CELL_WIDTH, row * CELL_HEIGHT, scale)]
            for column in range(width // (CELL_WIDTH * scale))
        ).rstrip()
        for row in range(height // (CELL_HEIGHT * scale))
    ]


def cell(lit: Lit, left: int, top: int, scale: int) -> tuple[int, ...]:
    return tuple(
        sum(0x80 >> x for x in range(CELL_WIDTH) if lit((left + x) * scale, (top + y) * scale))
        for y in range(CELL_HEIGHT)
    )


def read_ppm(file: Path) -> list[str]:
    """The text of a screendump."""
    content = file.read_bytes()
    kind, size, depth, pixels = content.split(b"\n", 3)
    assert (kind, depth) == (b"P6", b"255")
    width, height = map(int, size.split())
    return read_text(lambda x, y: pixels[3 * (y * width + x)] != 0, width, height)


class Monitor:
    """QEMU's human monitor on a UNIX socket."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(30)
        for _ in range(100):
            try:
                self.socket.connect(str(path))
                break
            except (FileNotFoundError, ConnectionRefusedError):
                time.sleep(0.1)
        self.answer()

    def answer(self) -> str:
        text = b""
        while not text.endswith(b"(qemu) "):
            chunk = self.socket.recv(65536)
            assert chunk, "the emulator has ended"
            text += chunk
        return text.decode(errors="replace")

    def ask(self, command: str) -> str:
        self.socket.sendall(command.encode() + b"\n")
        return self.answer()

    def screen(self, scratch: Path) -> list[str]:
        """The framebuffer's text."""
        dump = scratch / "screen.ppm"
        self.ask(f"screendump {dump}")
        return read_ppm(dump)

    def vga_text(self) -> list[str]:
        """80 by 25 characters from the adapter's memory."""
        dump = self.ask("xp /2000hx 0xb8000")
        cells = [int(word, 16) & 0xFF for line in dump.splitlines() if ": 0x" in line for word in line.split()[1:]]
        assert len(cells) == 2000
        return ["".join(map(chr, cells[row : row + 80])).rstrip() for row in range(0, 2000, 80)]
