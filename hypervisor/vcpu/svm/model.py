"""Host model of an AMD-V processor's instructions outside the entry stub, for unit tests under CPython."""

from __future__ import annotations

from typing import Any


class SvmProcessor:
    """What SVM instructions were given. It does not run guests: a test binds `svm_enter`."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Nothing has happened yet."""
        self.saved: list[int] = []  # where VMSAVE stored the monitor's state
        self.host_events: list[int] = []  # vectors that were delivered to the monitor

    def vmsave(self, vmcb: Any) -> None:
        self.saved.append(int(vmcb))

    def deliver(self, vector: int) -> None:
        self.host_events.append(vector)


PROCESSOR = SvmProcessor()
