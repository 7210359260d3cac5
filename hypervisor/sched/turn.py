"""One turn of a vCPU on a processor: from the scheduler's choice until it has nothing to do or the turn is over.

The vCPU's own thread does everything that is to be done for it, and with vCPU 0 for its VM: so a VM pays for its own
timers, messages and consoles, and its state has one owner.
"""

from __future__ import annotations

from codegen.lang import HwEnum, address_of, fn, min, rdtsc, u32, u64
from hypervisor.cpu.per_cpu import CPU
from hypervisor.exits.hlt import answer_messages, interrupts_on
from hypervisor.sched.deadlines import deadline_set
from hypervisor.sched.queues import NEVER
from hypervisor.sched.scheduler import block, yield_turn
from hypervisor.sched.service import DEADLINES, turn_end
from hypervisor.sched.vcpus import number_of
from hypervisor.time.clock import clock_now
from hypervisor.trace.events import EventKind
from hypervisor.trace.record import trace, tracing
from hypervisor.vcpu.exit import ExitKind
from hypervisor.vcpu.hold import hold, load_for_run, release
from hypervisor.vcpu.run import run_slice
from hypervisor.vcpu.running_on import begin_turn, end_turn
from hypervisor.vcpu.traced import run_traced
from hypervisor.vcpu.vcpu import NMI_WORK, SERVE_WORK, Vcpu, VcpuState, VcpuWork
from hypervisor.vm.carry_out import carry_out
from hypervisor.vm.console import serve_console
from hypervisor.vm.device_work import has_device_work, work_devices
from hypervisor.vm.hopeless import hope_again, lose_hope
from hypervisor.vm.order import OrderKind, VmOrder, all_parked, order_of, park
from hypervisor.vm.timers import advance_timers, wake_time
from hypervisor.vm.vm import VmState

ENTRY_WORK = u32(VcpuWork(deadline=True, interrupt=True))
LOOKED_AT = u32(VcpuWork(serve=True, reschedule=True, interrupt=True))
WAKING = u32(VcpuWork(serve=True, interrupt=True))


class Next(HwEnum, repr=u32):
    """What a vCPU can do now."""

    RUN = 0
    SLEEP = 1  # until somebody brings work, or a timer of its own
    REST = 2  # its VM does not run, or is about to be reset or stopped


@fn
def run_turn(vcpu: Vcpu, cpu: u32) -> None:
    """The whole turn; `cpu` is the calling processor. The scheduler has chosen `vcpu`."""
    trace(EventKind.SWITCH, number_of(vcpu), u32(0))
    begin_turn(vcpu)
    CPU.here().turns += 1
    if vcpu.asleep.load() != 0:
        get_up(vcpu, cpu)
    spins = vcpu.exits[u32(ExitKind.PAUSE)]
    end = turn_end(cpu)
    following = serve_vcpu(vcpu)
    while following == Next.RUN and not turn_is_over(vcpu, end, spins):
        run_until(vcpu, min(end, wake_time(vcpu)))
        following = serve_vcpu(vcpu)
    asleep = following != Next.RUN and fall_asleep(vcpu, cpu, following)
    spun = vcpu.exits[u32(ExitKind.PAUSE)] != spins
    end_turn(vcpu)
    if asleep:
        block(cpu, clock_now())
    elif spun:
        yield_turn(cpu, clock_now())


@fn
def get_up(vcpu: Vcpu, cpu: u32) -> None:
    """It sleeps no more: from here on who brings it work interrupts this processor."""
    vcpu.asleep.store(0)
    deadline_set(DEADLINES[cpu], number_of(vcpu), u64(NEVER))
    hope_again(vcpu)


@fn
def turn_is_over(vcpu: Vcpu, end: u64, spins: u64) -> bool:
    """Others wait for the processor, or may: it was asked to decide anew, the time is up, or the vCPU spins."""
    if CPU.current.reschedule.load() != 0 or rdtsc() >= end:
        return True
    return vcpu.exits[u32(ExitKind.PAUSE)] != spins


@fn
def serve_vcpu(vcpu: Vcpu) -> Next:
    """Look at everything that may wait for the vCPU."""
    vcpu.work.fetch_and(~u32(LOOKED_AT))
    order = order_of(vcpu.vm)
    if order.kind != OrderKind.NONE and not serve_order(vcpu, order):
        return Next.REST
    if vcpu.vm.state != VmState.RUNNING:
        return Next.REST
    hold(vcpu)
    serve_console(vcpu)
    if has_device_work(vcpu.vm):
        work_devices(vcpu)
    advance_timers(vcpu)
    answer_messages(vcpu)
    return Next.RUN if vcpu.state == VcpuState.RUNNABLE else Next.SLEEP


@fn(cold=True)
def serve_order(vcpu: Vcpu, order: VmOrder) -> bool:
    """Come to rest, or, as vCPU 0, do what is asked when all others rest, one piece in each turn. Whether it has been
    done."""
    if vcpu.index != 0:
        if CPU.current.held_vcpu == address_of(vcpu):
            release(vcpu)
        park(vcpu, order)
        return False
    if not all_parked(vcpu.vm, order):
        return False
    if carry_out(vcpu.vm, order):
        return True
    vcpu.work.fetch_or(SERVE_WORK)  # the next turn
    return False


@fn(noinline=True)
def run_until(vcpu: Vcpu, deadline: u64) -> None:
    """Run it, at most until the host's TSC reads `deadline`. Apart, so that the run loop has the registers."""
    load_for_run(vcpu)
    vcpu.deadline = deadline
    vcpu.work.fetch_or(ENTRY_WORK)
    if tracing():
        run_traced(vcpu)
    else:
        run_slice(vcpu)


@fn
def fall_asleep(vcpu: Vcpu, cpu: u32, following: Next) -> bool:
    """Say that it sleeps, then look once more: false when somebody has brought work meanwhile."""
    waking = u32(WAKING)
    if following == Next.SLEEP:
        deadline_set(DEADLINES[cpu], number_of(vcpu), wake_time(vcpu))
        if vcpu.state == VcpuState.HALTED:
            waking = waking | NMI_WORK
        if vcpu.state != VcpuState.HALTED or not interrupts_on(vcpu):
            lose_hope(vcpu)
    vcpu.asleep.store(1)
    if vcpu.work.load() & waking == 0:
        return True
    return False
