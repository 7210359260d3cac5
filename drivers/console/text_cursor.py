"""Where the next character goes on a screen of text, and what control characters do to that."""

from __future__ import annotations

from codegen.lang import Field, Struct, fn, min, u8, u32

BACKSPACE, TAB, LINE_FEED, CARRIAGE_RETURN, SPACE = 0x08, 0x09, 0x0A, 0x0D, 0x20
TAB_STOP = 8


class TextCursor(Struct):
    """`row` equals `rows` until the screen has scrolled; `column` equals `columns` behind a full line."""

    columns: Field[u32]
    rows: Field[u32]
    row: Field[u32]
    column: Field[u32]

    @fn
    def home(self, columns: u32, rows: u32) -> None:
        """The top left corner of a screen of this size."""
        self.columns = columns
        self.rows = rows
        self.row = 0
        self.column = 0

    @fn
    def follow(self, byte: u8) -> bool:
        """Go where this character begins, or where a control character leads. True when it is to be drawn there.

        LF begins a new line, CR goes back to its start, BS one back, TAB to a multiple of 8; others below 20h do
        nothing. The caller scrolls when `row` has reached `rows`, draws, and steps `column`.
        """
        if byte == LINE_FEED:
            self.new_row()
        elif byte == CARRIAGE_RETURN:
            self.column = 0
        elif byte == BACKSPACE:
            if self.column > 0:
                self.column -= 1
        elif byte == TAB:
            self.column = min((self.column | (TAB_STOP - 1)) + 1, self.columns)
        elif byte >= SPACE:
            if self.column == self.columns:
                self.new_row()
            return True
        return False

    @fn
    def new_row(self) -> None:
        """One line down, at its start."""
        self.column = 0
        self.row += 1

    @fn
    def position(self) -> u32:
        """The number of this cell, counted in reading order."""
        return self.row * self.columns + self.column
