"""Linear addresses from the segment numbers that instructions use."""

from __future__ import annotations

from codegen.lang import Local, fn, u32, u64
from hypervisor.vcpu.contract import vcpu_efer, vcpu_read_segment
from hypervisor.vcpu.segment import Segment, SegmentName
from hypervisor.vcpu.vcpu import Vcpu

FS, GS = 4, 5
EFER_LMA = 1 << 10


@fn
def runs_64_bit_code(vcpu: Vcpu) -> bool:
    """Long mode is active and CS.L is set."""
    segment = Local(Segment)
    vcpu_read_segment(vcpu, SegmentName.CS, segment)
    return segment.rights.long and vcpu_efer(vcpu) & EFER_LMA != 0


@fn
def linear_address(vcpu: Vcpu, number: u32, offset: u64) -> u64:
    """`offset` in segment ES CS SS DS FS GS = 0..5. In 64-bit mode only FS and GS have a base; elsewhere it wraps at 4
    GiB."""
    segment = Local(Segment)
    long = runs_64_bit_code(vcpu)
    if long and number < FS:
        return offset
    name = SegmentName.find(number)
    if name is None or number > GS:
        return offset
    vcpu_read_segment(vcpu, name, segment)
    address = segment.base.wrapping_add(offset)
    return address if long else address & 0xFFFF_FFFF
