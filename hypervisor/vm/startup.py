"""INIT and STARTUP messages done to the processor that they were sent to (SDM vol. 3A, sections 9.4 and 11.4.7.3)."""

from __future__ import annotations

from codegen.lang import Local, fn, u16, u32, u64
from hypervisor.devices.lapic.state import lapic_reset_registers
from hypervisor.vcpu.contract import (
    vcpu_flush_tlb,
    vcpu_read_segment,
    vcpu_reset_registers,
    vcpu_set_rip,
    vcpu_write_segment,
)
from hypervisor.vcpu.segment import Segment, SegmentName
from hypervisor.vcpu.vcpu import Vcpu, VcpuState


@fn
def startup_requested(vcpu: Vcpu) -> bool:
    """Whether `serve_startup` has something to do. A STARTUP that nobody waits for is dropped there."""
    return vcpu.lapic.init_pending or vcpu.lapic.startup_pending


@fn(cold=True)
def serve_startup(vcpu: Vcpu) -> None:
    """On the processor that `vcpu` is loaded on: INIT resets it, and it waits; the bootstrap processor starts over by
    itself; STARTUP begins in real mode at `startup_vector` * 4 KiB."""
    lapic = vcpu.lapic
    if lapic.init_pending:
        lapic.init_pending = False
        lapic_reset_registers(lapic)
        vcpu.regs.zero()
        vcpu_reset_registers(vcpu)
        vcpu_flush_tlb(vcpu)
        vcpu.state = VcpuState.RUNNABLE if lapic.base.bootstrap else VcpuState.WAIT_FOR_STARTUP
    if lapic.startup_pending:
        lapic.startup_pending = False
        if vcpu.state == VcpuState.WAIT_FOR_STARTUP:
            start_at(vcpu, lapic.startup_vector & 0xFF)
            vcpu.state = VcpuState.RUNNABLE


@fn(cold=True)
def start_at(vcpu: Vcpu, page: u32) -> None:
    """CS:IP = page * 100H : 0."""
    segment = Local(Segment)
    vcpu_read_segment(vcpu, SegmentName.CS, segment)
    segment.selector = u16(page << 8)
    segment.base = u64(page << 12)
    vcpu_write_segment(vcpu, SegmentName.CS, segment)
    vcpu_set_rip(vcpu, u64(0))
