"""Segment registers between the VMCB's form and ours."""

from __future__ import annotations

from codegen.lang import fn, implements, u16, u32
from hypervisor.vcpu import contract
from hypervisor.vcpu.segment import Segment, SegmentName, SegmentRights
from hypervisor.vcpu.svm.state import save_of
from hypervisor.vcpu.svm.vmcb import VmcbSegment
from hypervisor.vcpu.vcpu import Vcpu

PRESENT = 1 << 7


@fn
def cell_of(vcpu: Vcpu, name: SegmentName) -> VmcbSegment:
    """Where the VMCB keeps it."""
    save = save_of(vcpu)
    match name:
        case SegmentName.ES:
            return save.es
        case SegmentName.CS:
            return save.cs
        case SegmentName.SS:
            return save.ss
        case SegmentName.DS:
            return save.ds
        case SegmentName.FS:
            return save.fs
        case SegmentName.GS:
            return save.gs
        case SegmentName.LDTR:
            return save.ldtr
        case SegmentName.TR:
            return save.tr
        case SegmentName.GDTR:
            return save.gdtr
        case _:
            return save.idtr


@implements(contract.vcpu_read_segment)
@fn
def vcpu_read_segment(vcpu: Vcpu, name: SegmentName, into: Segment) -> None:
    """Attributes 7:0 are access rights 7:0, 11:8 are 15:12. A segment that is not present is unusable."""
    cell = cell_of(vcpu, name)
    into.selector = cell.selector
    into.base = cell.base
    into.limit = cell.limit
    packed = u32(cell.attributes)
    rights = SegmentRights.of(packed & 0xFF | (packed & 0xF00) << 4)
    into.rights = rights.replace(unusable=packed & PRESENT == 0)


@implements(contract.vcpu_write_segment)
@fn
def vcpu_write_segment(vcpu: Vcpu, name: SegmentName, source: Segment) -> None:
    """The VMCB's CPL is SS's (APM vol. 2, 15.5.1)."""
    cell = cell_of(vcpu, name)
    cell.selector = source.selector
    cell.base = source.base
    cell.limit = source.limit
    rights = u32(source.rights)
    packed = rights & 0xFF | (rights >> 4) & 0xF00
    if source.rights.unusable:
        packed = packed & ~PRESENT
    cell.attributes = u16.trunc(packed)
    if name == SegmentName.SS:
        save_of(vcpu).cpl = source.rights.dpl
