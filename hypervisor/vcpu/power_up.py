"""What a processor holds after power-up (SDM vol. 3A, table 10-1; APM vol. 2, table 14-1), for both back ends."""

from __future__ import annotations

from codegen.lang import Local, fn, static, u32
from hypervisor.vcpu.contract import vcpu_write_segment
from hypervisor.vcpu.segment import Segment, SegmentName, SegmentRights
from hypervisor.vcpu.vcpu import Vcpu

CR0_AT_RESET = 0x6000_0010
PAT_AT_RESET = 0x0007_0406_0007_0406
DR6_AT_RESET = 0xFFFF_0FF0
DR7_AT_RESET = 0x400

DATA = 0x93  # present, read/write, accessed
CODE = 0x9B
LDT = 0x82
BUSY_TSS = 0x8B

# name, selector, base, rights; every limit is FFFFh
SEGMENTS = (
    (SegmentName.ES, 0, 0, DATA),
    (SegmentName.CS, 0xF000, 0xFFFF_0000, CODE),
    (SegmentName.SS, 0, 0, DATA),
    (SegmentName.DS, 0, 0, DATA),
    (SegmentName.FS, 0, 0, DATA),
    (SegmentName.GS, 0, 0, DATA),
    (SegmentName.LDTR, 0, 0, LDT),
    (SegmentName.TR, 0, 0, BUSY_TSS),
    (SegmentName.GDTR, 0, 0, 0),
    (SegmentName.IDTR, 0, 0, 0),
)


@fn(cold=True)
def reset_segments(vcpu: Vcpu) -> None:
    """Real mode with CS at FFFF0000h."""
    segment = Local(Segment)
    segment.limit = 0xFFFF
    for name, selector, base, rights in static(SEGMENTS):
        segment.selector = selector
        segment.base = base
        segment.rights = SegmentRights.of(u32(rights))
        vcpu_write_segment(vcpu, name, segment)
