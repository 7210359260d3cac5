"""What can go wrong behind the front end, besides linking."""

from __future__ import annotations


class BadLlvmText(Exception):
    """LLVM refuses the text that we printed: a bug in the printer or in the IR."""


class BadAssembly(Exception):
    """An intrinsic's template or a stub's text is no code that the target has, or code that the assembler gets wrong.

    The message names it and its lines.
    """


class UndefinedSymbol(Exception):
    """The program calls or refers to something that nothing defines: a bug in the front end."""
