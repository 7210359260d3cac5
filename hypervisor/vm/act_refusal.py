"""Why the monitor does not do to a VM's life what its operator wants."""

from __future__ import annotations

from codegen.lang import HwEnum, Span, fn, span, u32


class ActRefusal(HwEnum, repr=u32, must_use=True):
    """Why not."""

    BUSY = 1
    NOT_RUNNING = 2
    RUNNING = 3
    PAUSED = 4
    NOT_PAUSED = 5
    ABSENT = 6
    NOT_STOPPED = 7
    CANNOT_BE_MADE = 8

    @fn
    def words(self) -> Span:
        """A sentence with the remedy."""
        match self:
            case ActRefusal.BUSY:
                return span(b"something else is being done to it; try again")
            case ActRefusal.NOT_RUNNING:
                return span(b"it does not run; start it first")
            case ActRefusal.RUNNING:
                return span(b"it runs already")
            case ActRefusal.PAUSED:
                return span(b"it is paused; resume it")
            case ActRefusal.NOT_PAUSED:
                return span(b"it is not paused")
            case ActRefusal.ABSENT:
                return span(b"there is nothing of it to destroy")
            case ActRefusal.NOT_STOPPED:
                return span(b"it has not stopped; kill it first")
            case ActRefusal.CANNOT_BE_MADE:
                return span(b"it cannot be made; the log says why")
