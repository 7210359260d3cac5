"""Events to inject into a guest: interrupts, NMIs and exceptions in the form that both vendors share."""

from __future__ import annotations

from codegen.lang import BitStruct, HwEnum, bit, bits, u8, u32


class EventType(HwEnum, repr=u32):
    """SDM vol. 3C, table 25-17, and APM vol. 2, 15.20: the numbers agree where both have them."""

    INTERRUPT = 0
    NMI = 2
    EXCEPTION = 3
    SOFTWARE_INTERRUPT = 4
    PRIVILEGED_SOFTWARE = 5  # INT1 (VT-x only)
    SOFTWARE_EXCEPTION = 6  # INT3, INTO (VT-x; a back end maps it)


class Event(BitStruct, repr=u32):
    """An event for delivery; `valid` clear means none. The layout is that of both vendors' injection words."""

    vector: u8 = bits(0, 7)
    type: EventType = bits(8, 10)
    has_error: bool = bit(11)
    valid: bool = bit(31)


class Vector(HwEnum, repr=u32):
    """Exceptions (SDM vol. 3A, table 6-1)."""

    DE = 0
    DB = 1
    NMI = 2
    BP = 3
    OF = 4
    BR = 5
    UD = 6
    NM = 7
    DF = 8
    TS = 10
    NP = 11
    SS = 12
    GP = 13
    PF = 14
    MF = 16
    AC = 17
    MC = 18
    XM = 19


def error_code_vectors() -> frozenset[int]:
    """Exceptions that push an error code (SDM vol. 3A, table 6-1; #CP is 21)."""
    return frozenset({8, 10, 11, 12, 13, 14, 17, 21})
