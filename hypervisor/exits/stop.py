"""The end of a VM by its guest's act, with a dump of the vCPU that did it."""

from __future__ import annotations

from codegen.lang import Local, fn, len, range, table, u32
from hypervisor.console.log import log
from hypervisor.exits.registry import Resume
from hypervisor.vcpu.contract import (
    vcpu_cr,
    vcpu_dump_vendor,
    vcpu_efer,
    vcpu_read_segment,
    vcpu_rflags,
    vcpu_rip,
    vcpu_rsp,
)
from hypervisor.vcpu.segment import Segment, SegmentName
from hypervisor.vcpu.vcpu import Vcpu, VcpuState
from hypervisor.vm.console import empty_console
from hypervisor.vm.order import OrderKind, ask_order
from hypervisor.vm.vm import StopReason

SEGMENTS = table(u32, [name.value for name in SegmentName])


@fn(noinline=True, cold=True)
def stop_by_shutdown(vcpu: Vcpu) -> Resume:
    """A triple fault: a PC would reset here without a word; we say what the guest was doing."""
    log(f"{vcpu.vm.name_span()}: triple fault at {vcpu_rip(vcpu):#x}")
    return stop_with_dump(vcpu, StopReason.TRIPLE_FAULT)


@fn(noinline=True, cold=True)
def stop_with_dump(vcpu: Vcpu, reason: StopReason) -> Resume:
    """Stop the whole VM and log this vCPU's registers, behind the guest's own last words."""
    empty_console(vcpu.vm)
    dump(vcpu)
    vcpu.state = VcpuState.STOPPED
    ask_order(vcpu.vm, OrderKind.STOP, reason)
    return Resume.YIELD


@fn(noinline=True, cold=True)
def dump(vcpu: Vcpu) -> None:
    """All registers, as gdb would print them."""
    r = vcpu.regs
    log(f"  rip {vcpu_rip(vcpu):016x} rsp {vcpu_rsp(vcpu):016x} rflags {vcpu_rflags(vcpu):08x} vcpu {vcpu.index}")
    log(f"  rax {r.rax:016x} rbx {r.rbx:016x} rcx {r.rcx:016x} rdx {r.rdx:016x}")
    log(f"  rsi {r.rsi:016x} rdi {r.rdi:016x} rbp {r.rbp:016x} r8  {r.r8:016x}")
    log(f"  r9  {r.r9:016x} r10 {r.r10:016x} r11 {r.r11:016x} r12 {r.r12:016x}")
    log(f"  r13 {r.r13:016x} r14 {r.r14:016x} r15 {r.r15:016x} efer {vcpu_efer(vcpu):x}")
    log(f"  cr0 {vcpu_cr(vcpu, u32(0)):08x} cr2 {vcpu_cr(vcpu, u32(2)):016x}")
    log(f"  cr3 {vcpu_cr(vcpu, u32(3)):016x} cr4 {vcpu_cr(vcpu, u32(4)):08x}")
    segment = Local(Segment)
    for number in range(u32(len(SEGMENTS))):
        name = SegmentName.checked(SEGMENTS[number])
        vcpu_read_segment(vcpu, name, segment)
        base, limit, rights = segment.base, segment.limit, u32(segment.rights)
        log(f"  {name} {segment.selector:04x} base {base:016x} limit {limit:08x} rights {rights:05x}")
    vcpu_dump_vendor(vcpu)
