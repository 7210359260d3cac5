"""How far a command of the shell or a verb of ctl has come."""

from __future__ import annotations

from codegen.lang import HwEnum, u32


class Progress(HwEnum, repr=u32, must_use=True):
    """MORE: it has said what fits one service round, and is called again."""

    DONE = 0
    MORE = 1
