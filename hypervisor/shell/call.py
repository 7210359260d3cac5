"""A command that is being carried out: its arguments, and how far it has come."""

from __future__ import annotations

from codegen.lang import Array, Field, Span, Struct, count, fn, u8, u32, u64, usize
from hypervisor.shell.edit import SPACE, EditLine

WORDS_MAX = 4


class Call(Struct):
    """`line` is what was entered; word 0 is the command's name."""

    command: Field[u32]  # number in the table
    word_count: Field[u32]  # one more than WORDS_MAX when there are more
    starts: Array[u8] = count(WORDS_MAX)
    ends: Array[u8] = count(WORDS_MAX)
    vm: Field[u32]  # the argument VM; the first one where `[VM]` was left out
    vm_given: Field[bool]
    number: Field[u64]  # the argument N, or CPUS as a mask
    on: Field[bool]  # the argument on|off
    now: Field[bool]  # the argument now was given
    named: Field[u32]  # the argument COMMAND: a number in the table
    named_given: Field[bool]
    step: Field[u32]  # how often it was called before
    position: Field[u64]  # the command's own, 0 at first
    line: EditLine

    @fn
    def word(self, index: u32) -> Span:
        """A word of the line."""
        first, end = self.starts[index], self.ends[index]
        return self.line.span().slice(usize(first), usize(end - first))

    @fn
    def split(self, text: Span) -> None:
        """Begin anew with this line."""
        self.zero()
        self.line.set(text)
        i = u32(0)
        while i < self.line.length:
            if self.line.text[i] == SPACE:
                i += 1
                continue
            first = i
            while i < self.line.length and self.line.text[i] != SPACE:
                i += 1
            if self.word_count < WORDS_MAX:
                self.starts[self.word_count] = u8(first)
                self.ends[self.word_count] = u8(i)
            self.word_count += 1
