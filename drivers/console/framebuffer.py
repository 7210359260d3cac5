"""Text on a linear framebuffer, which is only ever written: what it shows is kept in ordinary memory."""

from __future__ import annotations

from codegen.lang import Array, Field, Span, Struct, at, count, fn, len, max, min, phys_span, range, u8, u32, u64, usize
from drivers.console.font import CELL_HEIGHT, CELL_WIDTH, glyph_row
from drivers.console.linear_framebuffer import Framebuffer
from drivers.console.text_cursor import SPACE, TextCursor

COLUMNS_MAX = 240  # 1920 pixels
ROWS_MAX = 90
CELLS_MAX = COLUMNS_MAX * ROWS_MAX
DENSE_WIDTH = 2560  # from here on, pixels are so small that each is drawn two by two
SCROLL_PARTS = 4  # a full screen moves up by a quarter: line by line would redraw it for each one
BRIGHTNESS = 0xD0


class Pixel32(Struct, size=4, align=1, shared=True):
    """One pixel, written by one access."""

    value: Field[u32] = at(0)


class Pixel24(Struct, size=3, align=1, shared=True):
    """One pixel of three bytes."""

    bytes: Array[u8] = at(0, count=3)


class Word(Struct, size=8, align=1, shared=True):
    """For clearing: uncached memory takes as long for a byte as for eight."""

    value: Field[u64] = at(0)


class FramebufferText(Struct):
    """What is on the screen, and where the next character goes."""

    present: Field[bool]
    mode: Framebuffer
    scale: Field[u32]
    colour: Field[u32]
    cursor: TextCursor
    text: Array[u8] = count(CELLS_MAX)  # in reading order


@fn(cold=True)
def framebuffer_start(screen: FramebufferText, mode: Framebuffer) -> bool:
    """Clear a framebuffer whose memory is mapped. False when it cannot be used or no character fits on it."""
    screen.present = False
    if not mode.is_usable():
        return False
    screen.mode.copy_from(mode)
    screen.scale = u32(2) if mode.width >= DENSE_WIDTH else u32(1)
    columns = min(mode.width // (CELL_WIDTH * screen.scale), u32(COLUMNS_MAX))
    rows = min(mode.height // (CELL_HEIGHT * screen.scale), u32(ROWS_MAX))
    if columns == 0 or rows == 0:
        return False
    level = u32(BRIGHTNESS)
    screen.colour = (level << mode.red_shift) | (level << mode.green_shift) | (level << mode.blue_shift)
    screen.cursor.home(columns, rows)
    for i in range(u32(CELLS_MAX)):
        screen.text[i] = SPACE
    clear(surface_of(screen))
    screen.present = True
    return True


@fn
def framebuffer_put(screen: FramebufferText, byte: u8) -> None:
    """Print one character; control characters as TextCursor says, a box for what is not ASCII."""
    visible = screen.cursor.follow(byte)
    if screen.cursor.row == screen.cursor.rows:
        scroll(screen)
    if visible:
        show(screen, screen.cursor.position(), byte)
        screen.cursor.column += 1


@fn(noinline=True)
def scroll(screen: FramebufferText) -> None:
    """Make room at the bottom, redrawing what differs."""
    cursor = screen.cursor
    rows = max(cursor.rows // SCROLL_PARTS, u32(1))
    kept = (cursor.rows - rows) * cursor.columns
    for i in range(kept):
        show(screen, i, screen.text[i + rows * cursor.columns])
    for i in range(kept, cursor.rows * cursor.columns):
        show(screen, i, u8(SPACE))
    cursor.row -= rows


@fn
def show(screen: FramebufferText, position: u32, character: u8) -> None:
    """Draw one cell, unless it looks so already."""
    if screen.text[position] != character:
        screen.text[position] = character
        draw(screen, position, character)


@fn(noinline=True)
def draw(screen: FramebufferText, position: u32, character: u8) -> None:
    """All pixels of one cell."""
    surface = surface_of(screen)
    stride = usize(screen.mode.stride)
    height = CELL_HEIGHT * screen.scale
    width = CELL_WIDTH * screen.scale
    top = usize(position // screen.cursor.columns * height)
    left = usize(position % screen.cursor.columns * width)
    line = top * stride + left * usize(screen.mode.bits_per_pixel // 8)
    for y in range(height):
        draw_line(screen, surface, line, glyph_row(character, y // screen.scale))
        line += stride


@fn
def draw_line(screen: FramebufferText, surface: Span, start: usize, pixels: u8) -> None:
    """One line of a cell, from the byte offset `start`; the leftmost pixel is bit 7."""
    offset = start
    for x in range(u32(CELL_WIDTH)):
        colour = screen.colour if pixels & (u8(0x80) >> x) != 0 else u32(0)
        for _ in range(screen.scale):
            if screen.mode.bits_per_pixel == 32:
                put_pixel_32(surface, offset, colour)
                offset += 4
            else:
                put_pixel_24(surface, offset, colour)
                offset += 3


@fn
def put_pixel_32(surface: Span, offset: usize, colour: u32) -> None:
    pixel = surface.view(offset, Pixel32)
    if pixel is not None:
        pixel.value = colour


@fn
def put_pixel_24(surface: Span, offset: usize, colour: u32) -> None:
    pixel = surface.view(offset, Pixel24)
    if pixel is not None:
        pixel.bytes[0] = u8.trunc(colour)
        pixel.bytes[1] = u8.trunc(colour >> 8)
        pixel.bytes[2] = u8.trunc(colour >> 16)


@fn(cold=True)
def clear(surface: Span) -> None:
    """Black is all zeros in every layout."""
    words = len(surface) // 8
    for i in range(words):
        word = surface.view(i * 8, Word)
        if word is not None:
            word.value = 0
    for i in range(words * 8, len(surface)):
        surface[i] = 0


@fn
def surface_of(screen: FramebufferText) -> Span:
    """All of the framebuffer; accesses outside are impossible."""
    return phys_span(screen.mode.base, screen.mode.bytes())
