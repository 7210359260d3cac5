"""How a command joins the table: a decorator with its usage, resolved when the image is generated. The usage says what
is checked before the command runs, its docstring is the help."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from codegen.lang import HwEnum, u8
from hypervisor.progress import Progress
from hypervisor.shell.call import WORDS_MAX, Call


class Argument(HwEnum, repr=u8):
    """What may stand at a place of a usage."""

    NONE = 0
    VM = 1  # a name or number, checked
    OPTIONAL_VM = 2
    NUMBER = 3  # a decimal number; its range is the command's affair
    OPTIONAL_COMMAND = 4
    SWITCH = 5  # on or off
    CPU_SET = 6  # processors, as a mask in `number`
    OPTIONAL_NOW = 7  # the word itself


ARGUMENTS = {
    "VM": Argument.VM,
    "[VM]": Argument.OPTIONAL_VM,
    "N": Argument.NUMBER,
    "[COMMAND]": Argument.OPTIONAL_COMMAND,
    "on|off": Argument.SWITCH,
    "CPUS": Argument.CPU_SET,
    "[now]": Argument.OPTIONAL_NOW,
}
Function = Callable[[Call], Progress]
F = TypeVar("F", bound=Function)


@dataclass(frozen=True)
class Command:
    """One entry. `usage` is the line to type, `summary` one sentence."""

    usage: str
    summary: str
    arguments: tuple[Argument, ...]
    function: Function

    @property
    def name(self) -> str:
        return self.usage.split()[0]


REGISTERED: dict[str, Command] = {}


def command(usage: str, summary: str = "") -> Callable[[F], F]:
    """Register the decorated `@fn`. A name that is taken, or an argument of no known kind, is a build error. `summary`:
    in place of the docstring."""
    name, *words = usage.split()
    unknown = [word for word in words if word not in ARGUMENTS]
    if unknown or len(words) >= WORDS_MAX:
        raise ValueError(f"{usage}: {unknown or 'too many arguments'}; an argument is one of {', '.join(ARGUMENTS)}")

    def register(function: F) -> F:
        if name in REGISTERED:
            raise ValueError(f"the shell has two commands called {name}")
        text = summary or " ".join((inspect.getdoc(function) or "").split())
        REGISTERED[name] = Command(usage, text, tuple(ARGUMENTS[word] for word in words), function)
        return function

    return register
