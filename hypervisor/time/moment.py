"""The clock, as drivers read it."""

from __future__ import annotations

from codegen.lang import fn, implements, u64
from drivers.host import moment
from hypervisor.time.clock import clock_now


@implements(moment)
@fn
def now() -> u64:
    """ns since the monitor's start."""
    return clock_now()
