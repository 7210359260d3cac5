"""Why a controller of disks cannot be used."""

from __future__ import annotations

from codegen.lang import HwEnum, Span, fn, span, u8


class StorageFault(HwEnum, repr=u8, must_use=True):
    """What `*_start` of a driver answers."""

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
                return span(b"usable")
            case StorageFault.NO_REGISTERS:
                return span(b"its registers are in no usable BAR")
            case StorageFault.TAKEN:
                return span(b"another driver has it, or it is gone")
            case StorageFault.NO_MEMORY:
                return span(b"there is no memory for its queues")
            case StorageFault.TIMED_OUT:
                return span(b"it does not answer in time")
            case StorageFault.FAILED:
                return span(b"it reports a failure, or what it says makes no sense")
            case StorageFault.UNSUPPORTED:
                return span(b"it cannot do what the driver needs")
            case StorageFault.NO_ROOM:
                return span(b"there are more controllers than the driver has room for")
