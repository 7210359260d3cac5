"""Why the monitor does not do to a VM what its operator wants."""

from __future__ import annotations

from codegen.lang import HwEnum, Span, fn, span, u32
from hypervisor.sched.entity import WEIGHT_MAX

WEIGHT_WORDS = f"a weight is a number from 1 to {WEIGHT_MAX}".encode()


class Refusal(HwEnum, repr=u32, must_use=True):
    """Why not."""

    BUSY = 1
    NOT_RUNNING = 2
    RUNNING = 3
    PAUSED = 4
    NOT_PAUSED = 5
    ABSENT = 6
    NOT_STOPPED = 7
    CANNOT_BE_MADE = 8
    NO_VCPU = 9
    REAL_TIME = 10
    BAD_WEIGHT = 11
    BAD_CAP = 12
    NO_SUCH_CPU = 13
    CPU_TAKEN = 14
    OWN_CPUS = 15

    @fn
    def words(self) -> Span:
        """A sentence with the remedy."""
        match self:
            case Refusal.BUSY:
                return span(b"something else is being done to it; try again")
            case Refusal.NOT_RUNNING:
                return span(b"it does not run; start it first")
            case Refusal.RUNNING:
                return span(b"it runs already")
            case Refusal.PAUSED:
                return span(b"it is paused; resume it")
            case Refusal.NOT_PAUSED:
                return span(b"it is not paused")
            case Refusal.ABSENT:
                return span(b"there is nothing of it to destroy")
            case Refusal.NOT_STOPPED:
                return span(b"it has not stopped; kill it first")
            case Refusal.CANNOT_BE_MADE:
                return span(b"it cannot be made; the log says why")
            case Refusal.NO_VCPU:
                return span(b"it has no virtual CPU; start it first")
            case Refusal.REAL_TIME:
                return span(b"a real-time VM has its budget and processor, which only its configuration changes")
            case Refusal.BAD_WEIGHT:
                return span(WEIGHT_WORDS)
            case Refusal.BAD_CAP:
                return span(b"its virtual CPUs can use at most 100 percent each; 0 takes the cap away")
            case Refusal.NO_SUCH_CPU:
                return span(b"the machine has no such processor; `cpus` shows them")
            case Refusal.CPU_TAKEN:
                return span(b"another VM has one of these processors for itself")
            case Refusal.OWN_CPUS:
                return span(b"it has its processors for itself, which only its configuration changes")
