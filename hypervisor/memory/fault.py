"""What can go wrong with an access to guest memory."""

from __future__ import annotations

from codegen.lang import HwEnum, u32


class Fault(HwEnum, repr=u32, must_use=True):
    """Why guest memory could not be read or written. Nothing was written when one is returned."""

    NO_MEMORY = 1  # no RAM at this guest-physical address, or not for the whole length
    READ_ONLY = 2  # the slot is read-only (firmware)
    PAGE_FAULT = 3  # the guest's own page tables do not allow it
    NOT_CANONICAL = 4  # no linear address in long mode
