"""A panic has the machine to itself: all other processors are stopped by NMI, wherever they are."""

from __future__ import annotations

from codegen.lang import fn, pause, range, rdtsc, u32, u64
from drivers.interrupt.lapic_ipi import send_nmi
from hypervisor.console.log import log_panic
from hypervisor.cpu.per_cpu import CPU, CPUS, STOP_ASKED, STOP_DONE
from hypervisor.cpu.processors import processors_running
from hypervisor.time.clock import ns_to_tsc

PATIENCE = 1_000_000_000  # nanoseconds


@fn(cold=True)
def stop_others() -> None:
    """Ask all, then wait for them: not for long, since one that blocks NMIs never answers. The NMIs go to each one by
    its name, because processors that were left out must not meet them."""
    own = CPU.current.index
    running = processors_running()
    for i in range(running):
        if i != own:
            CPUS[i].stop.fetch_or(STOP_ASKED)
            # A broken local APIC must not keep the report back: it is seen in what follows.
            send_nmi(CPUS[i].apic_id)
    if running > 1:
        begin = rdtsc()
        while not all_stopped() and rdtsc().wrapping_sub(begin) < ns_to_tsc(u64(PATIENCE)):
            pause()


@fn(cold=True)
def all_stopped() -> bool:
    """Every processor but this one."""
    for i in range(processors_running()):
        if i != CPU.current.index and not has_stopped(i):
            return False
    return True


@fn(cold=True)
def has_stopped(cpu: u32) -> bool:
    """Processor `cpu` has answered, or had a panic of its own."""
    return CPUS[cpu].stop.load() & STOP_DONE != 0


@fn(cold=True)
def print_processors() -> None:
    """Which processor panicked, and who may still run; nothing where there is one only."""
    running = processors_running()
    if running == 1:
        return
    log_panic(f"  on processor {CPU.current.index} of {running}")
    for i in range(running):
        if i != CPU.current.index and not has_stopped(i):
            log_panic(f"  processor {i} has not stopped")
