"""Why the monitor does not give a VM the part of the processors that its operator wants."""

from __future__ import annotations

from codegen.lang import HwEnum, Span, fn, span, u32
from hypervisor.sched.entity import WEIGHT_MAX

WEIGHT_WORDS = f"a weight is a number from 1 to {WEIGHT_MAX}".encode()


class SettingRefusal(HwEnum, repr=u32, must_use=True):
    """Why not."""

    NO_VCPU = 1
    REAL_TIME = 2
    BAD_WEIGHT = 3
    BAD_CAP = 4
    NO_SUCH_CPU = 5
    CPU_TAKEN = 6
    OWN_CPUS = 7

    @fn
    def words(self) -> Span:
        """A sentence with the remedy."""
        match self:
            case SettingRefusal.NO_VCPU:
                return span(b"it has no virtual CPU; start it first")
            case SettingRefusal.REAL_TIME:
                return span(b"a real-time VM has its budget and processor, which only its configuration changes")
            case SettingRefusal.BAD_WEIGHT:
                return span(WEIGHT_WORDS)
            case SettingRefusal.BAD_CAP:
                return span(b"its virtual CPUs can use at most 100 percent each; 0 takes the cap away")
            case SettingRefusal.NO_SUCH_CPU:
                return span(b"the machine has no such processor; `cpus` shows them")
            case SettingRefusal.CPU_TAKEN:
                return span(b"another VM has one of these processors for itself")
            case SettingRefusal.OWN_CPUS:
                return span(b"it has its processors for itself, which only its configuration changes")
