"""Why a unit cannot be used, or is not used any more."""

from __future__ import annotations

from codegen.lang import HwEnum, u8


class IommuProblem(HwEnum, repr=u8, must_use=True):
    """Printed by its name."""

    NOT_THERE = 1  # its registers read all ones
    NO_QUEUED_INVALIDATION = 2  # chips of before 2009
    DOES_NOT_ANSWER = 3  # within a bounded number of polls
    REFUSES_COMMANDS = 4  # it reports an error of our queue
    BAD_ADDRESS = 5  # the table names RAM, or no page
    NO_MEMORY = 6  # for its tables
