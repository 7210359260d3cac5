"""A processor with nothing to run: asleep until an interrupt, at the latest until a deadline."""

from __future__ import annotations

from codegen.lang import cli, fn, rdtsc, sti_hlt, u64
from hypervisor.cpu.per_cpu import CPU
from hypervisor.time.host_timer import host_timer_arm

NEVER = 0xFFFF_FFFF_FFFF_FFFF


@fn
def idle_until(deadline: u64) -> None:
    """Halt with interrupts open; returns after any interrupt, or when the TSC has reached `deadline`."""
    begin = rdtsc()
    if deadline <= begin:
        return
    if deadline != NEVER:
        host_timer_arm(deadline)
    sti_hlt()
    cli()
    CPU.here().idle_tsc += rdtsc().wrapping_sub(begin)
