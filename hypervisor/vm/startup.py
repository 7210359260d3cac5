"""INIT and STARTUP messages done to the processor that they were sent to (SDM vol. 3A, sections 9.4 and 11.4.7.3)."""

from __future__ import annotations

from codegen.lang import Local, fn, u16, u32, u64
from hypervisor.devices.lapic.posted import (
    INIT_ASKED,
    STARTUP_ASKED,
    discard_posted,
    startup_posted,
    take_startup,
)
from hypervisor.devices.lapic.reset import lapic_reset_registers
from hypervisor.vcpu.contract import (
    vcpu_flush_tlb,
    vcpu_read_segment,
    vcpu_set_rip,
    vcpu_write_segment,
)
from hypervisor.vcpu.init import vcpu_init
from hypervisor.vcpu.segment import Segment, SegmentName
from hypervisor.vcpu.vcpu import NMI_WORK, Vcpu, VcpuState


@fn
def startup_requested(vcpu: Vcpu) -> bool:
    """Whether `serve_startup` has something to do. A STARTUP that nobody waits for is dropped there."""
    return startup_posted(vcpu.lapic.posted)


@fn(cold=True)
def serve_startup(vcpu: Vcpu) -> bool:
    """Whether `vcpu` begins anew, now or later; on the processor that it is loaded on. INIT resets it, and it waits;
    the bootstrap processor starts over by itself; STARTUP begins in real mode at its page * 4 KiB."""
    messages = take_startup(vcpu.lapic.posted)
    if messages & INIT_ASKED != 0:
        lapic_reset_registers(vcpu.lapic)
        vcpu.work.fetch_and(~NMI_WORK)
        vcpu_init(vcpu)
        vcpu_flush_tlb(vcpu)
        vcpu.state = VcpuState.RUNNABLE if vcpu.lapic.base.bootstrap else VcpuState.WAIT_FOR_STARTUP
    begins = messages & INIT_ASKED != 0
    if messages & STARTUP_ASKED != 0 and vcpu.state == VcpuState.WAIT_FOR_STARTUP:
        # What was on its way at INIT, from senders that had looked before it, and what came to a processor that waits.
        discard_posted(vcpu.lapic.posted)
        vcpu.work.fetch_and(~NMI_WORK)
        start_at(vcpu, messages & 0xFF)
        vcpu.state = VcpuState.RUNNABLE
        begins = True
    return begins


@fn(cold=True)
def start_at(vcpu: Vcpu, page: u32) -> None:
    """CS:IP = page * 100H : 0."""
    segment = Local(Segment)
    vcpu_read_segment(vcpu, SegmentName.CS, segment)
    segment.selector = u16(page << 8)
    segment.base = u64(page << 12)
    vcpu_write_segment(vcpu, SegmentName.CS, segment)
    vcpu_set_rip(vcpu, u64(0))
