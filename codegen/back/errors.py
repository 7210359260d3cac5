"""What can go wrong behind the front end."""

from __future__ import annotations


class BadLlvmText(Exception):
    """LLVM refuses the text that we printed: a bug in the printer or in the IR."""


class BadAssembly(Exception):
    """An intrinsic's template is no instruction that the target has; the message names it."""


class UndefinedSymbol(Exception):
    """The program calls or refers to something that nothing defines: a bug in the front end."""
