"""The guest's state after power-up (APM vol. 2, table 14-1), in VMCB terms."""

from __future__ import annotations

from codegen.lang import Local, cpuid, fn, implements, static, u32, u64
from hypervisor.vcpu import contract
from hypervisor.vcpu.event import Event
from hypervisor.vcpu.segment import Segment, SegmentName, SegmentRights
from hypervisor.vcpu.svm.control_registers import EFER_SVME, vcpu_set_cr
from hypervisor.vcpu.svm.registers import RFLAGS_ALWAYS_1
from hypervisor.vcpu.svm.segments import vcpu_write_segment
from hypervisor.vcpu.svm.state import svm_of
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


@implements(contract.vcpu_reset_registers)
@fn(cold=True)
def vcpu_reset_registers(vcpu: Vcpu) -> None:
    """Registers, segments, MSRs and event state as after power-up. EDX holds the processor's signature."""
    state = svm_of(vcpu)
    signature, _, _, _ = cpuid(u32(1), u32(0))
    vcpu.regs.zero()
    vcpu.regs.rdx = u64(signature)
    vcpu.pending = Event()
    state.nmi_blocked = False
    state.nmi_window = False
    state.iret_pending = False
    save = state.vmcb.save
    save.zero()
    save.efer = EFER_SVME
    save.cr0 = CR0_AT_RESET
    vcpu_set_cr(vcpu, u32(4), u64(0))
    save.dr6 = DR6_AT_RESET
    save.dr7 = DR7_AT_RESET
    save.rflags = RFLAGS_ALWAYS_1
    save.rip = 0xFFF0
    save.pat = PAT_AT_RESET
    control = state.vmcb.control
    control.interrupt_shadow = 0
    control.event_injection = 0
    control.exit_interrupt_info = 0
    segment = Local(Segment)
    segment.limit = 0xFFFF
    for name, selector, base, rights in static(SEGMENTS):
        segment.selector = selector
        segment.base = base
        segment.rights = SegmentRights.of(u32(rights))
        vcpu_write_segment(vcpu, name, segment)
