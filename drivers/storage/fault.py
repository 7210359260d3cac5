"""Why a controller of disks is not used."""

from __future__ import annotations

from codegen.lang import HwEnum, Span, fn, span, u32


class StorageFault(HwEnum, repr=u32, must_use=True):
    """What its driver's start came to."""

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
                return span(b"its registers cannot be reached")
            case StorageFault.TAKEN:
                return span(b"another driver has it, or it is gone")
            case StorageFault.NO_MEMORY:
                return span(b"no memory is left that it reaches")
            case StorageFault.TIMED_OUT:
                return span(b"it does not answer in time")
            case StorageFault.FAILED:
                return span(b"it reports an error, or nonsense")
            case StorageFault.UNSUPPORTED:
                return span(b"it lacks what the driver needs")
            case StorageFault.NO_ROOM:
                return span(b"there are more of its kind than the driver takes")
