"""A processor with nothing to run: asleep until an interrupt, at the latest until a deadline."""

from __future__ import annotations

from codegen.lang import cli, fn, pause, rdtsc, sti, sti_hlt, u64
from hypervisor.cpu.per_cpu import CPU, PerCpu
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
    own = CPU.here()
    own.idle_since.store(begin)
    sti_hlt()
    cli()
    own.idle_since.store(u64(0))
    own.idle_tsc += rdtsc().wrapping_sub(begin)


@fn
def take_interrupts() -> None:
    """Those that wait are served now, and tell the loop by `reschedule` what they have changed. A processor that never
    idles serves them at an exit, but one that does not come out of its guest for them is not deaf for longer than a
    turn (Bochs 2.7 masks them from a VM entry with RFLAGS.IF = 0 on, in spite of external-interrupt exiting)."""
    sti()
    pause()  # STI opens behind the next instruction
    cli()


@fn(cold=True)
def idle_ticks(own: PerCpu) -> u64:
    """Ticks that a processor has been halted, until now. For display: another one's counters may be just changing."""
    since = own.idle_since.load()
    now = rdtsc()
    return own.idle_tsc + (now - since if since != 0 and since < now else u64(0))
