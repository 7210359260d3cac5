"""Text sinks: the only calls in which f-strings stand."""

from __future__ import annotations

from typing import Any

from codegen.lang import memory
from codegen.lang.routines import Routine
from codegen.lang.spans import Span


class TextSink:
    """`log(f"…")` calls `begin`, then per piece `text`, `unsigned` or `signed`, then `end`; all are `@fn`s.

    Under CPython the f-string is one piece of text already. `noreturn`: the call does not come back.
    """

    def __init__(
        self, *, begin: Routine, text: Routine, unsigned: Routine, signed: Routine, end: Routine, noreturn: bool = False
    ) -> None:
        self.begin = begin
        self.text = text
        self.unsigned = unsigned
        self.signed = signed
        self.end = end
        self.noreturn = noreturn

    def __call__(self, message: str, /) -> Any:
        self.begin()
        mark = memory.stack.top
        data = message.encode("utf-8", "surrogateescape")
        address = memory.stack.allocate(len(data), 1)
        memory.write(address, data)
        try:
            self.text(Span(address, len(data)))
        finally:
            memory.stack.top = mark
        self.end()
        if self.noreturn:
            raise RuntimeError("a sink that does not return came back")
