"""What the real console shows, and who gets what is typed on it."""

from __future__ import annotations

from codegen.lang import Field, HwEnum, Struct, storage, u32


class ViewKind(HwEnum, repr=u32):
    """ALL is how it begins: whole lines behind `[NAME] `, or the one VM's bytes."""

    ALL = 0
    GUEST = 1
    SHELL = 2


class View(Struct):
    """`guest` is the VM that is shown (GUEST) and that gets what is typed (GUEST and ALL)."""

    kind: Field[ViewKind]
    guest: Field[u32]


VIEW = storage(View)
