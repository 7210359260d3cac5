"""Exit codes (APM vol. 2, appendix C)."""

from __future__ import annotations

from codegen.lang import HwEnum, u32

EXIT_CODES = 0x90  # below: by table
NESTED_PAGE_FAULT = 0x400
INVALID = 0xFFFF_FFFF  # the low half of VMEXIT_INVALID, -1: QEMU's TCG writes no more


class ExitCode(HwEnum, repr=u32):
    """Those that our intercepts cause."""

    CR4_READ = 0x04
    CR8_READ = 0x08
    CR4_WRITE = 0x14
    CR8_WRITE = 0x18
    DEBUG_EXCEPTION = 0x41
    ALIGNMENT_CHECK = 0x51
    MACHINE_CHECK = 0x52
    INTERRUPT = 0x60
    NMI = 0x61
    SMI = 0x62
    INIT = 0x63
    VIRTUAL_INTERRUPT = 0x64
    RDPMC = 0x6F
    CPUID = 0x72
    IRET = 0x74
    INVD = 0x76
    HLT = 0x78
    INVLPGA = 0x7A
    PORT = 0x7B
    MSR = 0x7C
    SHUTDOWN = 0x7F
    VMRUN = 0x80
    VMMCALL = 0x81
    VMLOAD = 0x82
    VMSAVE = 0x83
    STGI = 0x84
    CLGI = 0x85
    SKINIT = 0x86
    WBINVD = 0x89
    MONITOR = 0x8A
    MWAIT = 0x8B
    MWAIT_ARMED = 0x8C
    XSETBV = 0x8D
    RDPRU = 0x8E
