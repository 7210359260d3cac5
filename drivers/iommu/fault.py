"""A DMA access that a unit has refused, as both kinds of units tell it."""

from __future__ import annotations

from codegen.lang import Field, HwEnum, Struct, u8, u16, u64


class DmaAccess(HwEnum, repr=u8):
    """What the device wanted."""

    READ = 0
    WRITE = 1
    ACCESS = 2  # the unit does not say which


class DmaFault(Struct):
    """One record."""

    address: Field[u64]  # as the device gave it; VT-d keeps only its page
    requester: Field[u16]  # bus << 8 | device << 3 | function
    reason: Field[u8]  # VT-d: fault reason (appendix A); AMD-Vi: event code (2.5)
    access: Field[DmaAccess]
