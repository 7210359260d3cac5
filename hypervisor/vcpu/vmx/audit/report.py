"""The auditor's report, and the dump of the control structure."""

from __future__ import annotations

from itertools import accumulate

from codegen.lang import Span, fn, implements, len, range, span, static, table, u16, u64, usize
from hypervisor.console.log import log
from hypervisor.vcpu import contract
from hypervisor.vcpu.segment import SegmentName
from hypervisor.vcpu.vcpu import Vcpu
from hypervisor.vcpu.vmx import fields
from hypervisor.vcpu.vmx.audit import controls, event, guest_registers, guest_segments, guest_state, host
from hypervisor.vcpu.vmx.field import VmcsField
from hypervisor.vcpu.vmx.instructions import vmread
from hypervisor.vcpu.vmx.loaded import load

RULES = (
    *controls.RULES,
    *event.RULES,
    *host.RULES,
    *guest_registers.RULES,
    *guest_segments.RULES,
    *guest_state.RULES,
)

SEGMENTS = tuple(
    (span(name.name.lower().encode()), 2 * name.value) for name in SegmentName if name.value <= SegmentName.TR.value
)

DUMPED = [(name.lower(), field.encoding) for name, field in vars(fields).items() if isinstance(field, VmcsField)]
ENCODINGS = table(u16, [encoding for _, encoding in DUMPED])
NAMES = span("".join(name for name, _ in DUMPED).encode())
NAME_ENDS = table(u16, list(accumulate(len(name) for name, _ in DUMPED)))


@implements(contract.vcpu_audit_entry)
@fn(cold=True)
def vcpu_audit_entry(vcpu: Vcpu) -> None:
    """Log every rule of 27.2 and 27.3 that the current VMCS breaks."""
    load(vcpu)
    log(f"VM entry failed with {vcpu.exit.hardware_reason:#x}, qualification {vcpu.exit.qualification:#x}")
    for rule in static(RULES):
        if not rule.holds():
            report_broken(rule.section, rule.sentence)


@fn(cold=True, noinline=True)
def report_broken(section: Span, sentence: Span) -> None:
    """One line; out of line, because it stands once for each rule."""
    log(f"broken: {sentence} (SDM vol. 3C, {section})")


@implements(contract.vcpu_dump_vendor)
@fn(cold=True)
def vcpu_dump_vendor(vcpu: Vcpu) -> None:
    """Log the VMCS: segments, then every field that Keelback uses."""
    load(vcpu)
    for name, place in static(SEGMENTS):
        dump_segment(name, u64(place))
    begin = usize(0)
    for i in range(static(len(DUMPED))):
        end = usize(NAME_ENDS[i])
        log(f"vmcs {NAMES.slice(begin, end - begin)} {vmread(u64(ENCODINGS[i])):#x}")
        begin = end


@fn(cold=True, noinline=True)
def dump_segment(name: Span, place: u64) -> None:
    """`place` is twice the segment's number."""
    selector = vmread(place + fields.GUEST_SELECTORS)
    base = vmread(place + fields.GUEST_BASES)
    limit = vmread(place + fields.GUEST_LIMITS)
    rights = vmread(place + fields.GUEST_RIGHTS)
    log(f"vmcs {name} {selector:04x} base {base:#x} limit {limit:#x} rights {rights:#x}")
