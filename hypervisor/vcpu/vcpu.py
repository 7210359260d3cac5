"""The vendor-neutral virtual processor: what every part of the monitor may know of it."""

from __future__ import annotations

from codegen.lang import Array, Atomic, BitStruct, Field, Hva, HwEnum, Struct, at, bit, count, u32, u64
from hypervisor.devices.lapic.state import LocalApic
from hypervisor.vcpu.event import Event
from hypervisor.vcpu.exit import EXIT_KINDS, ExitRecord
from hypervisor.vcpu.msr_state import MsrState
from hypervisor.vm.vm import Vm

VENDOR_STATE_BYTES = 512


class GuestRegisters(Struct, size=128, align=8):
    """General registers that the processor does not save: in the order of ModRM numbers, so decoders index them."""

    rax: Field[u64] = at(0)
    rcx: Field[u64] = at(8)
    rdx: Field[u64] = at(16)
    rbx: Field[u64] = at(24)
    rsp: Field[u64] = at(32)  # kept by the VMCS or VMCB; use vcpu_read_rsp / vcpu_write_rsp
    rbp: Field[u64] = at(40)
    rsi: Field[u64] = at(48)
    rdi: Field[u64] = at(56)
    r8: Field[u64] = at(64)
    r9: Field[u64] = at(72)
    r10: Field[u64] = at(80)
    r11: Field[u64] = at(88)
    r12: Field[u64] = at(96)
    r13: Field[u64] = at(104)
    r14: Field[u64] = at(112)
    r15: Field[u64] = at(120)


class RegisterFile(Struct, size=128, align=8):
    """The same bytes as `GuestRegisters`, by number (`overlay`)."""

    by_number: Array[u64] = at(0, count=16)


class VcpuState(HwEnum, repr=u32):
    """What a vCPU is doing."""

    RUNNABLE = 1
    HALTED = 2  # HLT: until an interrupt is deliverable
    WAIT_FOR_STARTUP = 3  # after INIT
    STOPPED = 4  # its VM has ended


NOBODY = 0xFFFF_FFFF  # no processor


class VcpuWork(BitStruct, repr=u32):
    """Reasons to look closer before the next entry; zero on the fast path. The processor that runs the vCPU sets them
    with `fetch_or`, everybody else through `notify` (hypervisor/sched/notify.py)."""

    interrupt: bool = bit(0)  # the local APIC or PIC may have a deliverable interrupt
    nmi: bool = bit(1)
    deadline: bool = bit(2)  # timers changed: recompute the preemption deadline
    tlb_flush: bool = bit(4)  # second-level translations are stale
    serve: bool = bit(5)  # leave the guest and look at everything: timers, messages, what is asked of the VM
    reschedule: bool = bit(6)  # leave the guest: its processor is to decide anew


INTERRUPT_WORK = u32(VcpuWork(interrupt=True))
NMI_WORK = u32(VcpuWork(nmi=True))
SERVE_WORK = u32(VcpuWork(serve=True))


class Vcpu(Struct, align=64):
    """One virtual processor. `regs` comes first: the entry stubs address it from the structure's start.

    All of it belongs to the processor that runs it (`running_on`), but for the atomics: docs/smp.md.
    """

    regs: GuestRegisters
    vm: Field[Vm]
    index: Field[u32]
    state: Field[VcpuState]
    work: Atomic[u32]  # VcpuWork
    running_on: Atomic[u32]  # the processor whose turn it has, or NOBODY
    held_by: Atomic[u32]  # the processor that has parts of its state in registers, or NOBODY
    asleep: Atomic[u32]  # 1: it has nothing to do, so whoever brings it work wakes it
    parked: Atomic[u64]  # the last VmOrder for which it has come to rest
    exit: ExitRecord
    pending: Field[Event]  # to inject at the next entry (exceptions, re-injection)
    pending_error: Field[u32]
    pending_length: Field[u32]  # instruction length, for software events
    lapic: LocalApic
    deadline: Field[u64]  # host TSC at which this vCPU must leave the guest
    tsc_offset: Field[u64]  # guest TSC = host TSC + offset (wrapping)
    xcr0: Field[u64]
    xstate: Field[Hva]  # the 64-byte-aligned XSAVE area
    tsc_aux: Field[u64]
    msrs: MsrState
    exits: Array[u64] = count(EXIT_KINDS)  # counter per ExitKind
    vendor: Array[u64] = count(VENDOR_STATE_BYTES // 8)  # opaque: overlay of the back end's own state
