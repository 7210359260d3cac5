"""Text sinks for type checkers; with `noreturn=True` a call ends the function."""

from collections.abc import Callable
from typing import Any, Literal, Never, overload

from codegen.lang.ints import i64, u32, u64
from codegen.lang.spans import Span

class TextSink:
    begin: Any
    text: Any
    unsigned: Any
    signed: Any
    end: Any
    noreturn: bool
    @overload
    def __new__(
        cls,
        *,
        begin: Callable[[], None],
        text: Callable[[Span], None],
        unsigned: Callable[[u64, u32, u32, u32], None],
        signed: Callable[[i64, u32], None],
        end: Callable[[], None],
        noreturn: Literal[True],
    ) -> LastTextSink: ...
    @overload
    def __new__(
        cls,
        *,
        begin: Callable[[], None],
        text: Callable[[Span], None],
        unsigned: Callable[[u64, u32, u32, u32], None],
        signed: Callable[[i64, u32], None],
        end: Callable[[], None],
        noreturn: Literal[False] = False,
    ) -> TextSink: ...
    def __call__(self, message: str, /) -> None: ...

class LastTextSink(TextSink):
    def __call__(self, message: str, /) -> Never: ...
