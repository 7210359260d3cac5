"""`kb break` and `kb print`: names as in Python, whole (`module.NAME`) or their last part alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import gdb

from codegen.debugger.elf import names_ending

SPELLINGS: list[Callable[[str], str | None]] = []
"""What stands for static memory that cannot be read by its address now; None where it can."""

CHAIN = re.compile(r"(?<![\w.'$>])[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")


class Keelback(gdb.Command):
    """Commands for code that Keelback's compiler made. `help kb` lists them."""

    def __init__(self) -> None:
        super().__init__("kb", gdb.COMMAND_USER, prefix=True)


class Break(gdb.Command):
    """kb break NAME [if CONDITION]: break at every function of this name.

    NAME is module.function, or its last parts: `kb break emulate_cpuid`. FILE.py:LINE is taken as by `break`.
    """

    def __init__(self) -> None:
        super().__init__("kb break", gdb.COMMAND_BREAKPOINTS)

    def invoke(self, argument: str, from_tty: bool) -> None:
        name, _, rest = argument.strip().partition(" ")
        if not name:
            raise gdb.GdbError("kb break NAME [if CONDITION]")
        for found in [name] if ":" in name else functions(name):
            gdb.execute(f"break {found} {rest}")


class Print(gdb.Command):
    """kb print EXPRESSION: like `print`, with Python's names: hypervisor.vm.vm.VMS[0].state, or VMS[0].state."""

    def __init__(self) -> None:
        super().__init__("kb print", gdb.COMMAND_DATA, gdb.COMPLETE_EXPRESSION)

    def invoke(self, argument: str, from_tty: bool) -> None:
        gdb.execute(f"print {resolved(argument)}")


def functions(name: str) -> list[str]:
    """Full names. Also of functions that exist only inlined, which `info functions` leaves out."""
    found = [full for full in names_ending(image_file(), name) if is_function(full)]
    if not found:
        raise gdb.GdbError(f"this image has no function {name}")
    return found


def is_function(name: str) -> bool:
    try:
        _, places = gdb.decode_line(name)
    except gdb.error:
        return False
    return bool(places)


def variable(name: str) -> Any | None:
    """The symbol of static memory, or of an enum's member."""
    for look_up in (gdb.lookup_global_symbol, gdb.lookup_static_symbol):
        symbol = look_up(name)
        if symbol is not None and symbol.addr_class != gdb.SYMBOL_LOC_BLOCK and symbol.is_variable | is_member(symbol):
            return symbol
    return None


def is_member(symbol: Any) -> bool:
    """A constant with a name."""
    return bool(symbol.addr_class == gdb.SYMBOL_LOC_CONST)


def static_memory(name: str) -> list[str]:
    """Full names."""
    return [full for full in names_ending(image_file(), name) if variable(full) is not None]


def image_file() -> str:
    """The image that is debugged."""
    space = gdb.current_progspace()
    if space is None or space.filename is None:
        raise gdb.GdbError("gdb was started without an image")
    return str(space.filename)


def resolved(expression: str) -> str:
    """An expression with names that gdb's C takes: 'module.NAME' in quotes."""
    return CHAIN.sub(lambda found: quoted(found.group()), expression)


def quoted(chain: str) -> str:
    """`module.NAME.field` with its name in quotes; a local of the selected frame goes before static memory."""
    parts = chain.split(".")
    if is_local(parts[0]):
        return chain
    for length in range(len(parts), 0, -1):
        name = ".".join(parts[:length])
        found = [name] if variable(name) is not None else static_memory(name)
        if len(found) > 1:
            raise gdb.GdbError(f"{name} is ambiguous: {', '.join(found)}")
        if found:
            return ".".join([spelled(found[0]), *parts[length:]])
    return chain


def spelled(name: str) -> str:
    """A whole name as gdb's C takes it."""
    symbol = variable(name)
    if symbol is not None and not is_member(symbol):
        for spell in SPELLINGS:
            if (text := spell(name)) is not None:
                return text
    return f"'{name}'"


def is_local(name: str) -> bool:
    """Whether the selected frame has it."""
    try:
        block = gdb.selected_frame().block()
    except (gdb.error, RuntimeError):
        return False
    while block is not None and not block.is_global and not block.is_static:
        if any(symbol.name == name for symbol in block):
            return True
        block = block.superblock
    return False


Keelback()
Break()
Print()
