"""Segment bases by the numbers that instructions use."""

from __future__ import annotations

from codegen.lang import Local, fn, u32, u64
from hypervisor.vcpu.contract import vcpu_read_segment
from hypervisor.vcpu.segment import Segment, SegmentName
from hypervisor.vcpu.vcpu import Vcpu


@fn
def segment_base(vcpu: Vcpu, number: u32) -> u64:
    """Base of ES CS SS DS FS GS = 0..5. In 64-bit mode the VMCS and the VMCB hold 0 for all but FS and GS already
    where the guest loaded flat segments; a stale base of the others is ignored as hardware ignores it."""
    name = SegmentName.find(number)
    if name is None:
        return u64(0)
    segment = Local(Segment)
    if number < 4:
        vcpu_read_segment(vcpu, SegmentName.CS, segment)
        if segment.rights.long:
            return u64(0)
    vcpu_read_segment(vcpu, name, segment)
    return segment.base
