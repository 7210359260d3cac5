"""Why a controller of disks does not start."""

from __future__ import annotations

from codegen.lang import HwEnum, Span, fn, span, u8


class StorageFault(HwEnum, repr=u8, must_use=True):
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
            case StorageFault.NONE:
                return span(b"it works")
            case StorageFault.NO_REGISTERS:
                return span(b"its registers are not where they can be used")
            case StorageFault.TAKEN:
                return span(b"another driver has it, or it is gone")
            case StorageFault.NO_MEMORY:
                return span(b"there is no memory for its queues")
            case StorageFault.TIMED_OUT:
                return span(b"it does not answer in time")
            case StorageFault.FAILED:
                return span(b"it answers with nonsense, or with an error")
            case StorageFault.UNSUPPORTED:
                return span(b"it is of a kind that the driver does not know")
            case StorageFault.NO_ROOM:
                return span(b"there are more than the driver has room for")
