"""The one table of verbs: dispatch, checks and docs/ctl.md are made from it."""

from __future__ import annotations

import importlib

from codegen.lang import Array, Field, Span, Struct, count, fn, fn_table, init, range, span, table, u8, u16, u32, usize
from hypervisor.ctl.request import ValueKind
from hypervisor.ctl.verb import ARGUMENTS_MAX, REGISTERED

FILES = ("disks", "life", "log", "machine", "net", "pci", "power", "share", "stats", "trace", "vms")

for _name in FILES:
    importlib.import_module(f"hypervisor.ctl.verbs.{_name}")


class Text(Struct):
    """Bytes in TEXTS; none: there is no such argument."""

    at: Field[u16]
    length: Field[u8]
    kind: Field[ValueKind]  # of the member that has this name

    @fn
    def span(self) -> Span:
        """The bytes."""
        return TEXTS.slice(usize(self.at), usize(self.length))


class Entry(Struct):
    """One verb."""

    name: Text
    arguments: Array[Text] = count(ARGUMENTS_MAX)


LIST = tuple(REGISTERED[name] for name in sorted(REGISTERED))
COUNT = len(LIST)
_words = sorted({word for each in LIST for word in (each.name, *(key for key, _ in each.arguments))})
_places = {word: sum(map(len, _words[:number])) for number, word in enumerate(_words)}
TEXTS = span("".join(_words).encode("ascii"))


def _text(word: str, kind: ValueKind) -> object:
    return init(Text, at=_places[word], length=len(word), kind=kind)


ENTRIES = table(
    Entry,
    [
        init(
            Entry,
            name=_text(each.name, ValueKind.TEXT),
            arguments=[
                *[_text(key, kind) for key, kind in each.arguments],
                *[init(Text)] * (ARGUMENTS_MAX - len(each.arguments)),
            ],
        )
        for each in LIST
    ],
)
FUNCTIONS = fn_table([each.function for each in LIST])


@fn(cold=True)
def find_verb(name: Span) -> u32 | None:
    """The number of the verb of this name."""
    for i in range(u32(COUNT)):
        if ENTRIES[i].name.span().equals(name):
            return i
    return None
