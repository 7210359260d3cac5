"""The one table of commands: dispatch, checks, help, completion and docs/shell.md are made from it."""

from __future__ import annotations

import importlib

from codegen.lang import Array, Field, Span, Struct, count, fn, fn_table, init, range, span, table, u8, u16, u32, usize
from hypervisor.progress import Progress
from hypervisor.shell.call import WORDS_MAX, Call
from hypervisor.shell.command import REGISTERED, Argument, command
from hypervisor.shell.output import say

FILES = ("disks", "life", "machine", "net", "pci", "power", "share", "top", "trace", "view", "vms")

for _name in FILES:
    importlib.import_module(f"hypervisor.shell.commands.{_name}")


class Entry(Struct):
    """A command's texts, one behind the other in TEXTS from `at` on: its name, the rest of its usage, its summary."""

    at: Field[u16]
    name: Field[u8]  # bytes
    usage: Field[u8]  # bytes, with the name
    summary: Field[u8]
    arguments: Array[Argument] = count(WORDS_MAX - 1)

    @fn
    def name_span(self) -> Span:
        """The word to type."""
        return TEXTS.slice(usize(self.at), usize(self.name))

    @fn
    def usage_span(self) -> Span:
        """The name and the arguments."""
        return TEXTS.slice(usize(self.at), usize(self.usage))

    @fn
    def summary_span(self) -> Span:
        """What it does."""
        return TEXTS.slice(usize(self.at) + usize(self.usage), usize(self.summary))


@command("help [COMMAND]")
@fn(cold=True)
def show_help(call: Call) -> Progress:
    """Says what the command does; without one, lists them all."""
    if call.named_given:
        describe(call.named)
        return Progress.DONE
    describe(call.step)
    if call.step + 1 < COUNT:
        return Progress.MORE
    say("Tab completes, up and down go through what was entered, Ctrl-A ? helps with the console")
    return Progress.DONE


@fn(cold=True)
def describe(number: u32) -> None:
    say(f"{ENTRIES[number].usage_span()}: {ENTRIES[number].summary_span()}")


LIST = tuple(REGISTERED[name] for name in sorted(REGISTERED))
COUNT = len(LIST)
_texts = [each.usage + each.summary for each in LIST]
TEXTS = span("".join(_texts).encode("ascii"))
ENTRIES = table(
    Entry,
    [
        init(
            Entry,
            at=sum(map(len, _texts[:number])),
            name=len(each.name),
            usage=len(each.usage),
            summary=len(each.summary),
            arguments=[*each.arguments, *[Argument.NONE] * (WORDS_MAX - 1 - len(each.arguments))],
        )
        for number, each in enumerate(LIST)
    ],
)
FUNCTIONS = fn_table([each.function for each in LIST])


@fn(cold=True)
def find_command(text: Span) -> u32 | None:
    """The number of the command of this name."""
    for i in range(u32(COUNT)):
        if ENTRIES[i].name_span().equals(text):
            return i
    return None
