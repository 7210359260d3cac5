"""The last lines that were entered, and which of them is looked at."""

from __future__ import annotations

from codegen.lang import Array, Field, Span, Struct, count, fn, len, u32
from hypervisor.shell.edit import EditLine

LINES = 8  # a power of two


class History(Struct):
    """`entered` counts all lines; line n lies at n modulo LINES. `back`: how many lines ago is what is shown."""

    entered: Field[u32]
    back: Field[u32]
    draft: EditLine  # what was typed before going back
    lines: Array[EditLine] = count(LINES)

    @fn
    def line(self, back: u32) -> EditLine:
        """The line `back` lines ago, 1 for the last one."""
        return self.lines[self.entered.wrapping_sub(back) & (LINES - 1)]

    @fn
    def add(self, text: Span) -> None:
        """Keep a line, unless it is empty or the same as the last one."""
        self.back = 0
        if len(text) == 0 or (self.entered > 0 and self.line(u32(1)).span().equals(text)):
            return
        self.line(u32(0)).set(text)
        self.entered += 1

    @fn
    def older(self, edit: EditLine) -> None:
        """One line back, if there is one."""
        if self.back == LINES or self.back == self.entered:
            return
        if self.back == 0:
            self.draft.set(edit.span())
        self.back += 1
        edit.set(self.line(self.back).span())

    @fn
    def newer(self, edit: EditLine) -> None:
        """One line forward, at last to what was typed before."""
        if self.back == 0:
            return
        self.back -= 1
        if self.back == 0:
            edit.set(self.draft.span())
        else:
            edit.set(self.line(self.back).span())
