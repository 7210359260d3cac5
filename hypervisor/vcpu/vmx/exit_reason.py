"""Basic exit reasons (SDM vol. 3D, appendix C)."""

from __future__ import annotations

from codegen.lang import HwEnum, u32

EXIT_REASONS = 80  # one more than any reason that our controls can cause; EXIT_REASON's bit 31 is above it as well
ENTRY_FAILURE = 0x8000_0000


class ExitReason(HwEnum, repr=u32):
    """Table C-1, as far as our controls can cause them."""

    EXCEPTION_OR_NMI = 0
    EXTERNAL_INTERRUPT = 1
    TRIPLE_FAULT = 2
    INIT_SIGNAL = 3
    STARTUP_IPI = 4
    INTERRUPT_WINDOW = 7
    NMI_WINDOW = 8
    TASK_SWITCH = 9
    CPUID = 10
    GETSEC = 11
    HLT = 12
    INVD = 13
    INVLPG = 14
    RDPMC = 15
    RDTSC = 16
    VMCALL = 18
    VMCLEAR = 19
    VMLAUNCH = 20
    VMPTRLD = 21
    VMPTRST = 22
    VMREAD = 23
    VMRESUME = 24
    VMWRITE = 25
    VMXOFF = 26
    VMXON = 27
    CONTROL_REGISTER = 28
    MOV_DR = 29
    IO_INSTRUCTION = 30
    RDMSR = 31
    WRMSR = 32
    MWAIT = 36
    MONITOR = 39
    PAUSE = 40
    MACHINE_CHECK_AT_ENTRY = 41
    APIC_ACCESS = 44
    GDTR_OR_IDTR = 46
    LDTR_OR_TR = 47
    EPT_VIOLATION = 48
    EPT_MISCONFIGURATION = 49
    INVEPT = 50
    RDTSCP = 51
    PREEMPTION_TIMER = 52
    INVVPID = 53
    WBINVD = 54
    XSETBV = 55
    INVPCID = 58
    VMFUNC = 59
    XSAVES = 63
    XRSTORS = 64
