"""The VGA text screen at B8000h, 80 by 25, as the firmware leaves it."""

from __future__ import annotations

from codegen.lang import (
    Array,
    BitStruct,
    Field,
    Hpa,
    PortBlock,
    Reg,
    Struct,
    at,
    bits,
    count,
    fn,
    phys,
    ports,
    range,
    u8,
    u16,
    u32,
)
from drivers.console.text_cursor import TextCursor

TEXT_BUFFER = Hpa(0xB8000)
COLUMNS = 80
ROWS = 25
CELLS = COLUMNS * ROWS
CRTC_PORT = 0x3D4
CURSOR_HIGH = 0x0E
CURSOR_LOW = 0x0F
GREY_ON_BLACK = 7


class Cell(BitStruct, repr=u16):
    """One character on the screen (code page 437)."""

    character: u8 = bits(0, 7)
    attribute: u8 = bits(8, 15)


class TextBuffer(Struct, size=2 * CELLS, shared=True):
    """The adapter's memory: written only, because reads from it are slow."""

    cells: Array[Cell] = at(0, count=CELLS)


class Crtc(PortBlock, size=2):
    """The CRT controller's index and data."""

    index: Reg[u8] = at(0)
    data: Reg[u8] = at(1)


class VgaText(Struct):
    """What is on the screen, and where the next character goes."""

    present: Field[bool]
    cursor: TextCursor
    shadow: Array[u16] = count(CELLS)


@fn(cold=True)
def vga_start(vga: VgaText) -> bool:
    """Find the screen by writing to it, and clear it. False when there is no text memory."""
    screen = phys(TextBuffer, TEXT_BUFFER)
    probe = Cell(character=u8(0x20), attribute=u8(GREY_ON_BLACK))
    screen.cells[0] = Cell.of(u16(0x55AA))
    vga.present = screen.cells[0] == Cell.of(u16(0x55AA))
    if not vga.present:
        return False
    for i in range(CELLS):
        vga.shadow[i] = u16(probe)
        screen.cells[i] = probe
    vga.cursor.home(u32(COLUMNS), u32(ROWS))
    place_cursor(vga)
    return True


@fn
def vga_put(vga: VgaText, byte: u8) -> None:
    """Print one character; control characters as TextCursor says."""
    visible = vga.cursor.follow(byte)
    if vga.cursor.row == ROWS:
        scroll(vga)
    if visible:
        show(vga, vga.cursor.position(), Cell(character=byte, attribute=u8(GREY_ON_BLACK)))
        vga.cursor.column += 1


@fn
def show(vga: VgaText, position: u32, cell: Cell) -> None:
    """Write one cell to the screen, unless it is there already."""
    if vga.shadow[position] != u16(cell):
        vga.shadow[position] = u16(cell)
        phys(TextBuffer, TEXT_BUFFER).cells[position] = cell


@fn(noinline=True)
def scroll(vga: VgaText) -> None:
    """All lines one up."""
    for i in range(u32(CELLS - COLUMNS)):
        show(vga, i, Cell.of(vga.shadow[i + COLUMNS]))
    for i in range(u32(CELLS - COLUMNS), u32(CELLS)):
        show(vga, i, Cell(character=u8(0x20), attribute=u8(GREY_ON_BLACK)))
    vga.cursor.row -= 1


@fn
def place_cursor(vga: VgaText) -> None:
    """Move the blinking cursor to where the next character goes."""
    crtc = ports(Crtc, u16(CRTC_PORT))
    position = vga.cursor.position()
    crtc.index.write(CURSOR_HIGH)
    crtc.data.write(u8.trunc(position >> 8))
    crtc.index.write(CURSOR_LOW)
    crtc.data.write(u8.trunc(position))
