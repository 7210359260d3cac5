"""A line that is being typed."""

from __future__ import annotations

from codegen.lang import Array, Field, Span, Struct, count, fn, len, range, span_of, u8, u32, usize
from hypervisor.shell.keys import Key

EDIT_MAX = 64  # with the prompt it fits a screen's line
SPACE = 0x20


class EditLine(Struct):
    """`cursor` is where the next character goes, at most `length`."""

    length: Field[u32]
    cursor: Field[u32]
    text: Array[u8] = count(EDIT_MAX)

    @fn
    def set(self, text: Span) -> None:
        """Another text, as much of it as fits, with the cursor behind it."""
        self.length = 0
        self.cursor = 0
        self.insert_text(text)

    @fn
    def span(self) -> Span:
        """What is written."""
        return span_of(self).slice(usize(EditLine.text.offset), usize(self.length))

    @fn
    def insert(self, byte: u8) -> bool:
        """One character at the cursor. False when the line is full."""
        if self.length == EDIT_MAX:
            return False
        i = self.length
        while i > self.cursor:
            self.text[i] = self.text[i - 1]
            i -= 1
        self.text[self.cursor] = byte
        self.length += 1
        self.cursor += 1
        return True

    @fn
    def insert_text(self, text: Span) -> None:
        """As many characters as fit."""
        for i in range(len(text)):
            if not self.insert(text[i]):
                return

    @fn
    def remove(self, first: u32, end: u32) -> None:
        """Take characters out; the cursor goes where they were."""
        for i in range(end, self.length):
            self.text[first + (i - end)] = self.text[i]
        self.length -= end - first
        self.cursor = first

    @fn
    def word_start(self) -> u32:
        """Where the word before the cursor begins, blanks behind it passed over."""
        i = self.cursor
        while i > 0 and self.text[i - 1] == SPACE:
            i -= 1
        while i > 0 and self.text[i - 1] != SPACE:
            i -= 1
        return i

    @fn
    def press(self, key: Key) -> None:
        """Do what an editing key asks for."""
        match key:
            case Key.LEFT:
                self.cursor = self.cursor.saturating_sub(u32(1))
            case Key.RIGHT:
                if self.cursor < self.length:
                    self.cursor += 1
            case Key.HOME:
                self.cursor = 0
            case Key.END:
                self.cursor = self.length
            case Key.BACKSPACE:
                if self.cursor > 0:
                    self.remove(self.cursor - 1, self.cursor)
            case Key.DELETE:
                if self.cursor < self.length:
                    self.remove(self.cursor, self.cursor + 1)
            case Key.KILL_END:
                self.length = self.cursor
            case Key.KILL_START:
                self.remove(u32(0), self.cursor)
            case Key.KILL_WORD:
                self.remove(self.word_start(), self.cursor)
            case _:
                pass
