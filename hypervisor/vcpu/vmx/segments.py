"""Guest segment registers: the VMCS keeps each in four fields, in the order of SegmentName (SDM vol. 3C, 25.4.1)."""

from __future__ import annotations

from codegen.lang import fn, implements, u16, u32, u64
from hypervisor.vcpu import contract
from hypervisor.vcpu.segment import Segment, SegmentName, SegmentRights
from hypervisor.vcpu.vcpu import Vcpu
from hypervisor.vcpu.vmx import fields
from hypervisor.vcpu.vmx.instructions import vmread, vmwrite
from hypervisor.vcpu.vmx.loaded import load

RIGHTS_BITS = 0x1_F0FF  # the rest is reserved (table 25-2)


@fn
def has_selector(name: SegmentName) -> bool:
    """GDTR and IDTR have only base and limit."""
    return u32(name) <= u32(SegmentName.TR)


@implements(contract.vcpu_read_segment)
@fn
def vcpu_read_segment(vcpu: Vcpu, name: SegmentName, into: Segment) -> None:
    """Copy a segment register, hidden part included, into `into`."""
    load(vcpu)
    place = u64(name) * 2
    into.base = vmread(place + fields.GUEST_BASES)
    into.limit = u32.trunc(vmread(place + fields.GUEST_LIMITS))
    if has_selector(name):
        into.selector = u16.trunc(vmread(place + fields.GUEST_SELECTORS))
        into.rights = SegmentRights.of(u32.trunc(vmread(place + fields.GUEST_RIGHTS)))
    else:
        into.selector = 0
        into.rights = SegmentRights()


@implements(contract.vcpu_write_segment)
@fn
def vcpu_write_segment(vcpu: Vcpu, name: SegmentName, source: Segment) -> None:
    """Set a segment register, hidden part included."""
    load(vcpu)
    place = u64(name) * 2
    assert vmwrite(place + fields.GUEST_BASES, source.base)
    assert vmwrite(place + fields.GUEST_LIMITS, u64(source.limit))
    if has_selector(name):
        assert vmwrite(place + fields.GUEST_SELECTORS, u64(source.selector))
        assert vmwrite(place + fields.GUEST_RIGHTS, u64(u32(source.rights) & RIGHTS_BITS))


@implements(contract.vcpu_cpl)
@fn
def vcpu_cpl(vcpu: Vcpu) -> u32:
    """The DPL of SS: the processor keeps it equal to CPL in all modes (SDM vol. 3C, 25.4.1)."""
    load(vcpu)
    return fields.GUEST_SS_RIGHTS.read() >> 5 & 3
