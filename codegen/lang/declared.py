"""Mistakes in declarations: what class statements, decorators and tables at module level refuse."""

from __future__ import annotations

from typing import Literal


class Misdeclared(TypeError):
    """A declaration that cannot be. `member` is the field, enum member or parameter that is wrong (nothing: all of it),
    `part` what of it is, `other` a member that it collides with, and `help` says what to write instead.
    """

    def __init__(
        self,
        message: str,
        *,
        member: str = "",
        part: Literal["all", "type", "place"] = "all",
        other: str = "",
        help: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.member = member
        self.part = part
        self.other = other
        self.help = help
