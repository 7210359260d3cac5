"""What leaves the guest (APM vol. 2, appendix B, offsets 0 to 14h)."""

from __future__ import annotations

from codegen.lang import BitStruct, bit, u32


class Intercept(BitStruct, repr=u32):
    """Offset 0Ch."""

    interrupt: bool = bit(0)
    nmi: bool = bit(1)
    smi: bool = bit(2)
    init: bool = bit(3)
    virtual_interrupt: bool = bit(4)
    rdpmc: bool = bit(15)
    cpuid: bool = bit(18)
    iret: bool = bit(20)
    invd: bool = bit(22)
    pause: bool = bit(23)
    hlt: bool = bit(24)
    invlpga: bool = bit(26)
    ports: bool = bit(27)
    msrs: bool = bit(28)
    shutdown: bool = bit(31)


class InterceptSvm(BitStruct, repr=u32):
    """Offset 10h. VMRUN must always be intercepted."""

    vmrun: bool = bit(0)
    vmmcall: bool = bit(1)
    vmload: bool = bit(2)
    vmsave: bool = bit(3)
    stgi: bool = bit(4)
    clgi: bool = bit(5)
    skinit: bool = bit(6)
    wbinvd: bool = bit(9)
    monitor: bool = bit(10)
    mwait: bool = bit(11)
    mwait_armed: bool = bit(12)
    xsetbv: bool = bit(13)
    rdpru: bool = bit(14)


EVENTS = u32(
    Intercept(
        interrupt=True,
        nmi=True,
        init=True,
        rdpmc=True,
        cpuid=True,
        invd=True,
        hlt=True,
        invlpga=True,
        ports=True,
        msrs=True,
        shutdown=True,
    )
)
SVM_INSTRUCTIONS = u32(
    InterceptSvm(
        vmrun=True,
        vmmcall=True,
        vmload=True,
        vmsave=True,
        stgi=True,
        clgi=True,
        skinit=True,
        wbinvd=True,
        monitor=True,
        mwait=True,
        mwait_armed=True,
        xsetbv=True,
        rdpru=True,
    )
)
VIRTUAL_INTERRUPT = u32(Intercept(virtual_interrupt=True))
IRET = u32(Intercept(iret=True))
# CR8 is the local APIC's; CR4 holds bits of features that CPUID hides. CR0 and CR3 are the guest's own under nested
# paging. CR4 is read by us only while it differs from what the guest wrote: see control_registers.py.
CR_ACCESSES = 1 << 8 | 1 << (16 + 4) | 1 << (16 + 8)
CR4_READS = 1 << 4
# #DB and #AC leave the guest because a guest can make their delivery raise them again, for ever (CVE-2015-5307,
# CVE-2015-8104); #MC because machine checks are the host's.
EXCEPTIONS = 1 << 1 | 1 << 17 | 1 << 18
