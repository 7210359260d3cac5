"""Tab: the word before the cursor, as far as only one command or VM can be meant."""

from __future__ import annotations

from codegen.lang import Field, Span, Struct, fn, len, min, range, storage, u8, u32, usize
from hypervisor.console.guests import GUESTS
from hypervisor.console.names import starts_with
from hypervisor.shell.call import WORDS_MAX, Call
from hypervisor.shell.command import Argument
from hypervisor.shell.edit import EditLine
from hypervisor.shell.output import leave_prompt, say
from hypervisor.shell.table import COUNT, ENTRIES, find_command


class Completion(Struct):
    """`common` is what all candidates have in common, `found` how many there are."""

    found: Field[u32]
    common: EditLine
    before: Call  # the line up to the cursor


COMPLETION = storage(Completion)


@fn(cold=True)
def complete(edit: EditLine) -> None:
    """Write what is certain; where that is nothing, and several can be meant, show them."""
    first = word_before(edit)
    word = edit.span().slice(usize(first), usize(edit.cursor - first))
    kind = kind_wanted(edit, first)
    COMPLETION.found = 0
    each_candidate(kind, word, False)
    if COMPLETION.found == 0:
        return
    common = COMPLETION.common.span()
    added = u32(len(common) - len(word))
    edit.insert_text(common.slice(len(word), usize(added)))
    if COMPLETION.found == 1:
        edit.insert(u8(0x20))
    elif added == 0:
        leave_prompt()
        each_candidate(kind, word, True)


@fn(cold=True)
def word_before(edit: EditLine) -> u32:
    """Where the word that ends at the cursor begins."""
    i = edit.cursor
    while i > 0 and edit.text[i - 1] != 0x20:
        i -= 1
    return i


@fn(cold=True)
def kind_wanted(edit: EditLine, first: u32) -> Argument:
    """What the command takes at this place. The first word is a command itself."""
    call = COMPLETION.before
    call.split(edit.span().slice(usize(0), usize(first)))
    if call.word_count == 0:
        return Argument.OPTIONAL_COMMAND
    number = find_command(call.word(u32(0)))
    if number is None or call.word_count >= WORDS_MAX:
        return Argument.NONE
    return ENTRIES[number].arguments[call.word_count - 1]


@fn(cold=True)
def each_candidate(kind: Argument, word: Span, show: bool) -> None:
    """Count the candidates and narrow `common`, or show them."""
    match kind:
        case Argument.OPTIONAL_COMMAND:
            for i in range(u32(COUNT)):
                candidate(ENTRIES[i].name_span(), word, show)
        case Argument.VM | Argument.OPTIONAL_VM:
            for i in range(GUESTS.guest_count):
                candidate(GUESTS.guests[i].name_span(), word, show)
        case _:
            pass


@fn(cold=True)
def candidate(text: Span, word: Span, show: bool) -> None:
    """One word that could be meant."""
    if len(word) > 0 and not starts_with(text, word):
        return
    if show:
        say(f"  {text}")
        return
    common = COMPLETION.common
    if COMPLETION.found == 0:
        common.set(text)
    COMPLETION.found += 1
    same = u32(0)
    while same < min(common.length, u32(len(text))) and common.text[same] == text[same]:
        same += 1
    common.length = same
