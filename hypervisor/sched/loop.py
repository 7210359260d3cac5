"""What a processor does for ever: serve the VMs, decide, run a vCPU for its turn, sleep when nobody can run."""

from __future__ import annotations

from typing import Never

from codegen.lang import Field, Struct, fn, min, range, rdtsc, storage, u32, u64
from hypervisor.console.console import console_interrupt
from hypervisor.console.guests import console_flush_guests, console_flush_silent_guests
from hypervisor.console.log import log
from hypervisor.cpu.idle import idle_until
from hypervisor.cpu.machine_check_report import log_machine_checks
from hypervisor.cpu.per_cpu import CPU
from hypervisor.exits.hlt import can_wake, interrupts_on
from hypervisor.sched.queues import NEVER, QUEUES
from hypervisor.sched.scheduler import block, yield_turn
from hypervisor.sched.vcpus import decide_vcpu, wake_runnable
from hypervisor.time.clock import clock_now, ns_to_tsc, tsc_at
from hypervisor.vcpu.exit import ExitKind
from hypervisor.vcpu.load import load_vcpu
from hypervisor.vcpu.pool import vcpu_of
from hypervisor.vcpu.run import run_slice
from hypervisor.vcpu.vcpu import Vcpu, VcpuState, VcpuWork
from hypervisor.vm.console import drain_console, feed_console
from hypervisor.vm.interrupts import service_board
from hypervisor.vm.lifecycle import VMS, serve_request, stop_vm, vms_alive
from hypervisor.vm.startup import serve_startup, startup_requested
from hypervisor.vm.timers import advance_timers, host_tsc_at, next_deadline
from hypervisor.vm.vm import VMS_MAX, StopReason, Vm, VmState

LOG_LINES_PER_SECOND = 50
SECOND = 1_000_000_000


class Service(Struct):
    """Whose turn it is to be served."""

    first_vm: Field[u32]  # whose console is emptied first: another one each time, or a slow line would be one VM's
    next_second: Field[u64]  # host TSC of the next `serve_second`


ENTRY_WORK = u32(VcpuWork(deadline=True, interrupt=True))
SERVICE = storage(Service)


@fn
def schedule() -> Never:
    """Run everybody, for ever; say so once when no VM is left."""
    cpu = CPU.current.index
    said = False
    while True:
        console_interrupt()
        deadline = serve_vms()
        vcpu = decide_vcpu(cpu)
        if vcpu is not None:
            run_turn(vcpu, deadline)
        else:
            if not said and vms_alive() == 0:
                log("all guests have stopped")
                said = True
            console_flush_guests()  # a prompt has no line end
            idle_until(min(deadline, moment_of(QUEUES[cpu].decide_at)))


@fn
def serve_vms() -> u64:
    """Timers, console and requests of all VMs; wakes vCPUs that an interrupt has reached. The next deadline in host
    TSC."""
    serve_second()
    deadline = SERVICE.next_second
    SERVICE.first_vm = (SERVICE.first_vm + 1) & (VMS_MAX - 1)
    for i in range(u32(VMS_MAX)):
        vm = VMS[(SERVICE.first_vm + i) & (VMS_MAX - 1)]
        if vm.state == VmState.RUNNING:
            serve_request(vm)
        if vm.state == VmState.RUNNING:
            drain_console(vm)
            feed_console(vm)
            service_board(vm)
            advance_timers(vm)
            wake_vcpus(vm)
            deadline = min(deadline, host_tsc_at(vm, next_deadline(vm)))
    return deadline


@fn
def serve_second() -> None:
    """Once a second each VM may cause a bounded number of log lines again, a silent one's unfinished line is printed,
    and the hardware is asked for errors."""
    now = rdtsc()
    if now < SERVICE.next_second:
        return
    SERVICE.next_second = now.wrapping_add(ns_to_tsc(u64(SECOND)))
    for i in range(u32(VMS_MAX)):
        VMS[i].log_budget = LOG_LINES_PER_SECOND
    console_flush_silent_guests()
    log_machine_checks()


@fn
def wake_vcpus(vm: Vm) -> None:
    """A halted vCPU goes on when an interrupt or NMI waits for it; INIT and STARTUP messages are obeyed. A VM
    of which no vCPU can ever go on has stopped."""
    alive = False
    for i in range(vm.vcpu_count):
        vcpu = vcpu_of(vm, i)
        if startup_requested(vcpu):
            serve_startup(vcpu)
        if vcpu.state == VcpuState.HALTED and can_wake(vcpu):
            vcpu.state = VcpuState.RUNNABLE
        wake_runnable(vcpu)
        if vcpu.state == VcpuState.RUNNABLE or vcpu.state == VcpuState.HALTED and interrupts_on(vcpu):
            alive = True
    if not alive:
        stop_vm(vm, StopReason.HALTED)
        log(f"{vm.name_span()}: halted with interrupts off: nothing can wake it")


@fn
def run_turn(vcpu: Vcpu, deadline: u64) -> None:
    """Until a timer of any VM is due, at most until the scheduler wants to decide anew."""
    cpu = CPU.current.index
    spins = vcpu.exits[u32(ExitKind.PAUSE)]
    run_until(vcpu, min(deadline, moment_of(QUEUES[cpu].decide_at)))
    if vcpu.state != VcpuState.RUNNABLE:
        block(cpu, clock_now())
    elif vcpu.exits[u32(ExitKind.PAUSE)] != spins:
        yield_turn(cpu, clock_now())


@fn(noinline=True)
def run_until(vcpu: Vcpu, deadline: u64) -> None:
    """Run it, at most until the host's TSC reads `deadline`. Apart, so that the run loop has the registers."""
    load_vcpu(vcpu)
    vcpu.deadline = deadline
    vcpu.work.fetch_or(ENTRY_WORK)
    run_slice(vcpu)


@fn
def moment_of(ns: u64) -> u64:
    """The host TSC at a moment of the scheduler; the far future for NEVER."""
    return ns if ns == NEVER else tsc_at(ns)
