"""Why a network card does not start."""

from __future__ import annotations

from codegen.lang import HwEnum, Span, fn, span, u8


class NetFault(HwEnum, repr=u8, must_use=True):
    """What its driver says. After any of them the function does no DMA."""

    NONE = 0
    NO_REGISTERS = 1
    TAKEN = 2
    NO_MEMORY = 3
    TIMED_OUT = 4
    FAILED = 5
    UNSUPPORTED = 6
    NO_ROOM = 7

    @fn
    def words(self) -> Span:
        """For people."""
        match self:
            case NetFault.NONE:
                return span(b"it works")
            case NetFault.NO_REGISTERS:
                return span(b"its registers are not where they can be used")
            case NetFault.TAKEN:
                return span(b"another driver has it, or it is gone")
            case NetFault.NO_MEMORY:
                return span(b"there is no memory for its queues")
            case NetFault.TIMED_OUT:
                return span(b"it does not answer in time")
            case NetFault.FAILED:
                return span(b"it answers with nonsense, or with an error")
            case NetFault.UNSUPPORTED:
                return span(b"it is of a kind that the driver does not know")
            case NetFault.NO_ROOM:
                return span(b"there are more than the driver has room for")
