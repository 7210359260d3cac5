"""LLVM's numbered metadata nodes: collected while a module is printed, written behind it."""

from __future__ import annotations

from collections.abc import Iterable


class Metadata:
    """Nodes by number; equal texts are one node."""

    def __init__(self) -> None:
        self._nodes: list[str] = []
        self._known: dict[str, int] = {}

    def node(self, text: str) -> int:
        """The number of a node; an empty text is one of its own, to be filled in later."""
        known = self._known.get(text)
        if known is not None:
            return known
        self._nodes.append(text)
        number = len(self._nodes) - 1
        if text and not text.startswith("distinct"):
            self._known[text] = number
        return number

    def fill(self, number: int, text: str) -> None:
        """The text of a node whose number was needed first."""
        self._nodes[number] = text

    def tuple(self, numbers: Iterable[int]) -> str:
        """A list of nodes, as an operand."""
        operands = ", ".join(f"!{number}" for number in numbers)
        return f"!{self.node(f'!{{{operands}}}')}"

    def lines(self) -> list[str]:
        """All definitions."""
        return [f"!{number} = {text}" for number, text in enumerate(self._nodes)]
