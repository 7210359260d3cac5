"""Telling a vCPU that somebody else has left work for it, and processors that they are to decide anew."""

from __future__ import annotations

from codegen.lang import fn, u32, u64
from hypervisor.cpu.kick import send_kick, send_kicks
from hypervisor.cpu.per_cpu import CPU
from hypervisor.sched.queues import PROCESSORS, processor_bit
from hypervisor.sched.scheduler import wake
from hypervisor.sched.vcpus import entity_of, number_of
from hypervisor.time.clock import clock_now
from hypervisor.trace.events import EventKind
from hypervisor.trace.record import trace
from hypervisor.vcpu.vcpu import NOBODY, Vcpu


@fn
def notify(vcpu: Vcpu, work: u32) -> None:
    """Leave `work` (bits of VcpuWork) with a vCPU: it sees to it before its next instruction, and wakes if it sleeps.

    Who says that a vCPU sleeps, or runs, does so before it looks at the work; who brings work does so before it looks
    at these two. So one of them sees what the other one did. Bits that are set already have been told of.
    """
    if vcpu.work.fetch_or(work) & work == work:
        return
    if vcpu.asleep.load() != 0:
        trace(EventKind.WAKE, number_of(vcpu), work)
        wake(entity_of(vcpu), clock_now())
        serve_kicks()
        return
    cpu = vcpu.running_on.load()
    if cpu != NOBODY and cpu != CPU.current.index:
        send_kick(cpu)


@fn
def serve_kicks() -> None:
    """After a call of the scheduler: have every processor decide anew whose queue has changed."""
    if PROCESSORS.kicks.load() == 0:
        return
    asked = PROCESSORS.kicks.exchange(u64(0))
    own = processor_bit(CPU.current.index)
    if asked & own != 0:
        CPU.current.reschedule.store(1)
    send_kicks(asked & ~own)
