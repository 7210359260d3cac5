"""Why a unit cannot be used, or is not used any more."""

from __future__ import annotations

from codegen.lang import HwEnum, u8


class IommuProblem(HwEnum, repr=u8, must_use=True):
    """Printed by its name."""

    NOT_THERE = 1  # its registers read all ones
    DOES_NOT_ANSWER = 2  # within a bounded number of polls
    REFUSES_COMMANDS = 3  # it reports an error of our queue, or has ignored a command
    BAD_ADDRESS = 4  # the table names RAM, or no page
    NO_MEMORY = 5  # for its tables
