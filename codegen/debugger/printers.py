"""How values of the language are shown: options, results, tuples, spans and addresses as Python would write them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gdb
import gdb.printing

ADDRESSES = ("Gpa", "Hpa", "Gva", "Hva")
SHOWN_BYTES = 64


class Shown:
    """A value as one text, made when it is asked for."""

    def __init__(self, value: Any, show: Callable[[Any], Any]) -> None:
        self.value = value
        self.show = show

    def to_string(self) -> Any:
        try:
            return self.show(self.value)
        except gdb.error as error:
            return f"<{error}>"


def show_option(value: Any) -> Any:
    """`T | None`."""
    return value["value"] if value["present"] else "None"


def show_result(value: Any) -> Any:
    """`T | E`."""
    return value["value"] if value["ok"] else value["error"]


def show_tuple(value: Any) -> str:
    return "(" + ", ".join(value[field].format_string() for field in value.type.fields()) + ")"


def show_span(value: Any) -> str:
    """Address, length, and the bytes where they are text."""
    address, length = int(value["address"]), int(value["length"])
    shown = f"Span({address:#x}, {length})"
    try:
        content = bytes(gdb.selected_inferior().read_memory(address, min(length, SHOWN_BYTES)))
    except gdb.error:
        return shown
    text = content.decode("latin-1")
    more = "..." if length > SHOWN_BYTES else ""
    return f"{shown} {text!r}{more}" if text.isascii() and text.isprintable() else shown


def show_address(value: Any) -> str:
    return f"{int(value):#x}"


def one_line(value: Any) -> str:
    """For tables: numbers in hexadecimal; of a bit struct only what is set."""
    kind = value.type.strip_typedefs()
    if kind.code == gdb.TYPE_CODE_INT:
        return f"{int(value):#x}"
    if kind.code != gdb.TYPE_CODE_STRUCT:
        return str(value.format_string())
    if all(field.bitsize for field in kind.fields()):
        return " ".join(filter(None, (bit_text(field.name, value[field]) for field in kind.fields()))) or "0"
    return ", ".join(f"{field.name} {one_line(value[field])}" for field in kind.fields())


def bit_text(name: str, value: Any) -> str:
    """A field of a bit struct; nothing for zero."""
    if not int(value):
        return ""
    return name if value.type.strip_typedefs().code == gdb.TYPE_CODE_BOOL else f"{name}={one_line(value)}"


def find(value: Any) -> Shown | None:
    """The way to show a value; None for gdb's own."""
    name = value.type.name or value.type.tag or ""
    if name in ADDRESSES:
        return Shown(value, show_address)
    if value.type.strip_typedefs().code != gdb.TYPE_CODE_STRUCT:
        return None
    fields = [field.name for field in value.type.strip_typedefs().fields()]
    if name == "Span":
        return Shown(value, show_span)
    if name.startswith("tuple["):
        return Shown(value, show_tuple)
    if fields == ["present", "value"]:
        return Shown(value, show_option)
    return Shown(value, show_result) if fields == ["ok", "value", "error"] else None


class Printers(gdb.printing.PrettyPrinter):
    """All of them, under one name for `info pretty-printer`."""

    def __call__(self, value: Any) -> Shown | None:
        return find(value)


gdb.printing.register_pretty_printer(None, Printers("keelback"), replace=True)
