"""Why a guest left: one vendor-neutral kind and record per exit. The back ends decode into it, once."""

from __future__ import annotations

from codegen.lang import BitStruct, Field, Gpa, Gva, HwEnum, Struct, bit, bits, u8, u16, u32, u64


class ExitKind(HwEnum, repr=u32):
    """The one list of exits. Handlers, counters, trace names and docs/exits.md are made from it."""

    NONE = 0  # an asynchronous cause that the back end dealt with; just go on
    CPUID = 1
    PORT = 2  # IN, OUT, INS, OUTS
    RDMSR = 3
    WRMSR = 4
    HYPERCALL = 5  # VMCALL or VMMCALL
    HLT = 6
    GUEST_MEMORY = 7  # EPT violation, nested page fault
    PREEMPTION = 8  # preemption timer, or a host timer interrupt
    HOST_INTERRUPT = 9
    INTERRUPT_WINDOW = 10
    NMI_WINDOW = 11
    HOST_NMI = 12
    CR_ACCESS = 13
    DR_ACCESS = 14
    XSETBV = 15
    EXCEPTION = 16
    TRIPLE_FAULT = 17
    WBINVD = 18  # and INVD
    INVLPG = 19
    RDTSC = 20  # and RDTSCP
    RDPMC = 21
    PAUSE = 22
    MONITOR = 23  # and MWAIT
    DESCRIPTOR_TABLE = 24
    TASK_SWITCH = 25
    VIRTUALIZATION_INSTRUCTION = 26  # VMX or SVM instruction in the guest: #UD
    APIC_ACCESS = 27
    INIT = 28
    STARTUP_IPI = 29
    MACHINE_CHECK = 30
    ENTRY_FAILED = 31  # the auditor names the broken rule
    MISCONFIGURED = 32  # second-level tables: our own fault
    UNKNOWN = 33


EXIT_KINDS = 34


class AccessCause(BitStruct, repr=u32):
    """What kind of guest memory access faulted in the second-level tables: a read when it is neither of the others."""

    write: bool = bit(1)
    fetch: bool = bit(2)
    reserved: bool = bit(3)  # AMD-V: an entry of the tables has a reserved bit set, which is our own fault
    linear_valid: bool = bit(4)
    page_walk: bool = bit(5)  # the access was to a guest page table


class PortAccess(BitStruct, repr=u32):
    """An IN/OUT/INS/OUTS as the processor reported it."""

    port: u16 = bits(0, 15)
    width: u8 = bits(16, 18)  # bytes: 1, 2 or 4
    is_in: bool = bit(19)
    is_string: bool = bit(20)
    is_repeat: bool = bit(21)
    segment: u8 = bits(22, 24)  # of OUTS' source: ES CS SS DS FS GS = 0..5
    address_size: u8 = bits(25, 28)  # bytes: 2, 4 or 8


class CrAccess(BitStruct, repr=u32):
    """A control-register instruction that left the guest."""

    register: u8 = bits(0, 3)  # 0, 3, 4 or 8
    is_write: bool = bit(4)
    is_clts: bool = bit(5)
    is_lmsw: bool = bit(6)
    gpr: u8 = bits(8, 11)  # the operand of MOV
    lmsw_source: u16 = bits(16, 31)


class ExitRecord(Struct):
    """The decoded exit; only the fields of its kind are set."""

    hardware_reason: Field[u64]  # exit reason (SDM App. C) or EXITCODE (APM App. C), for logs
    instruction_length: Field[u32]  # bytes of the instruction that left; 0: not known, decode it
    port: Field[PortAccess]
    gpa: Field[Gpa]
    gva: Field[Gva]
    cause: Field[AccessCause]
    control_register: Field[CrAccess]
    vector: Field[u8]  # EXCEPTION, HOST_INTERRUPT
    error_code: Field[u32]
    qualification: Field[u64]  # raw exit qualification / EXITINFO1, for logs and rare kinds
