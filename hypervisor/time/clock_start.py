"""The clock from nothing to ticking: choose a reference, measure the TSC, start the host timer."""

from __future__ import annotations

from codegen.lang import Local, fn, u64
from drivers.acpi.machine import MACHINE
from drivers.timer.reference import Reference, use_hpet, use_pit, use_pm_timer
from hypervisor.console.log import log, warn
from hypervisor.cpu.features import FEATURES
from hypervisor.memory.paging import map_device
from hypervisor.time.calibrate import measure_tsc
from hypervisor.time.clock import clock_start
from hypervisor.time.host_timer import TIMER, host_timer_start

REGISTERS = 0x400  # bytes of an HPET


@fn(cold=True)
def clocks_start(entry_tsc: u64) -> bool:
    """Measure against the best reference that works. False when none does. `entry_tsc` is nanosecond 0."""
    reference = Local(Reference)
    hz = measure_by_any(reference)
    if hz is None:
        return False
    clock_start(hz, entry_tsc)
    host_timer_start(FEATURES.tsc_deadline)
    log(f"clock: TSC {hz // 1000} kHz by the {reference.kind}, host timer {TIMER.hz // 1000} kHz (0: TSC deadline)")
    if not FEATURES.invariant_tsc:
        warn("the TSC is not invariant: its rate may change with the power state of this CPU")
    return True


@fn(cold=True)
def measure_by_any(reference: Reference) -> u64 | None:
    """PM timer, HPET, PIT: the first that ticks and gives a sane rate."""
    if MACHINE.pm_timer_port != 0:
        use_pm_timer(reference, MACHINE.pm_timer_port, MACHINE.pm_timer_32_bits)
        hz = measure_tsc(reference)
        if hz is not None:
            return hz
    if u64(MACHINE.hpet) != 0 and map_device(MACHINE.hpet, u64(REGISTERS)) and use_hpet(reference, MACHINE.hpet):
        hz = measure_tsc(reference)
        if hz is not None:
            return hz
    use_pit(reference)
    return measure_tsc(reference)
