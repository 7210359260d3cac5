"""What a processor does between turns: wake sleepers whose time has come; the first one: the console and shell too."""

from __future__ import annotations

from codegen.lang import Field, Struct, fn, min, range, rdtsc, storage_array, u32, u64
from hypervisor.console.console import console_interrupt
from hypervisor.console.guests import console_flush_silent_guests
from hypervisor.cpu.machine_check_report import log_machine_checks
from hypervisor.cpu.per_cpu import CPU, CPUS_MAX
from hypervisor.ctl.port import CTL_PORT
from hypervisor.ctl.service import serve_ctl
from hypervisor.dma.faults import poll_dma_faults
from hypervisor.sched.deadlines import Deadlines, deadline_next, deadline_owner, deadline_set
from hypervisor.sched.notify import notify
from hypervisor.sched.queues import NEVER, QUEUES
from hypervisor.shell.shell import serve_terminal
from hypervisor.storage.collect import look_at_disks, storage_interrupt
from hypervisor.storage.controllers import disks_due
from hypervisor.time.clock import ns_to_tsc, tsc_at
from hypervisor.vcpu.pool import VCPUS
from hypervisor.vcpu.vcpu import SERVE_WORK
from hypervisor.vm.console import wake_for_console
from hypervisor.vm.destroy import take_apart_departed
from hypervisor.vm.start_order import STARTS, start_due
from hypervisor.vm.vm import DEPARTED, VMS, VMS_MAX

LOG_LINES_PER_SECOND = 50
SECOND = 1_000_000_000
HOUSEKEEPER = 0  # the processor that the UART interrupts


class Service(Struct):
    """One processor's."""

    next_second: Field[u64]  # host TSC of the next `serve_second`,
    next_terminal: Field[u64]  # and, on the first one, of the next `serve_terminal` at the latest


SERVICES = storage_array(Service, CPUS_MAX)
DEADLINES = storage_array(Deadlines, CPUS_MAX)


@fn
def serve_processor(cpu: u32) -> None:
    """Everything that is due."""
    if CPU.current.storage_wanted.load() != 0:
        storage_interrupt()
    if cpu == HOUSEKEEPER:
        console_interrupt()
        SERVICES[cpu].next_terminal = serve_terminal()
        wake_for_console()
        serve_lives()
        serve_ctl()
        if rdtsc() >= disks_due():
            look_at_disks()
    if rdtsc() >= SERVICES[cpu].next_second:
        serve_second(cpu)
    sleepers = DEADLINES[cpu]
    while deadline_next(sleepers) <= rdtsc():
        number = deadline_owner(sleepers)
        deadline_set(sleepers, number, u64(NEVER))
        notify(VCPUS[number], SERVE_WORK)


@fn
def turn_end(cpu: u32) -> u64:
    """The host TSC at which this processor has to do something else than run its vCPU."""
    end = min(deadline_next(DEADLINES[cpu]), moment_of(QUEUES[cpu].decide_at))
    end = min(end, SERVICES[cpu].next_second)
    if cpu != HOUSEKEEPER:
        return end
    return min(end, min(disks_due(), min(SERVICES[cpu].next_terminal, STARTS.due)))


@fn
def serve_lives() -> None:
    """VMs that are due begin, and what has departed is taken apart."""
    if STARTS.due <= rdtsc():
        start_due()
    if DEPARTED.vms.load() != 0:
        take_apart_departed()


@fn
def serve_second(cpu: u32) -> None:
    """Once a second each processor asks its hardware for errors; the first one also lets each VM cause a bounded number
    of log lines again, prints the unfinished lines of those that are silent, and asks the IOMMUs what they refused."""
    SERVICES[cpu].next_second = rdtsc().wrapping_add(ns_to_tsc(u64(SECOND)))
    if cpu == HOUSEKEEPER:
        for i in range(u32(VMS_MAX)):
            VMS[i].log_budget.store(LOG_LINES_PER_SECOND)
        console_flush_silent_guests()
        CTL_PORT.wanted.store(1)
        poll_dma_faults()
    log_machine_checks()


@fn
def moment_of(ns: u64) -> u64:
    """The host TSC at a moment of the scheduler; the far future for NEVER."""
    return ns if ns == NEVER else tsc_at(ns)
