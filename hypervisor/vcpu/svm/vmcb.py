"""The VMCB (APM vol. 2, appendix B): control area, then state-save area."""

from __future__ import annotations

from codegen.lang import BitStruct, Field, Hpa, Struct, at, bit, bits, u8, u16, u32, u64

SAVE_AREA = 0x400  # offset of the state-save area


class VmcbSegment(Struct, size=16):
    """A segment register; attributes are the descriptor's bits 55:52 and 47:40 packed (APM vol. 2, 15.5.1)."""

    selector: Field[u16] = at(0)
    attributes: Field[u16] = at(2)
    limit: Field[u32] = at(4)
    base: Field[u64] = at(8)


class VirtualInterrupt(BitStruct, repr=u64):
    """Offset 60h. See virtual_interrupt.py."""

    tpr: u8 = bits(0, 7)
    irq: bool = bit(8)  # V_IRQ: an interrupt is pending; the processor clears it when the guest takes it
    priority: u8 = bits(16, 19)
    ignore_tpr: bool = bit(20)
    masking: bool = bit(24)  # host RFLAGS.IF masks host interrupts, the guest's masks virtual ones
    vector: u8 = bits(32, 39)


class ControlArea(Struct, size=0x400):
    """What is intercepted, and why the guest left."""

    intercept_cr: Field[u32] = at(0x000)  # reads in bits 15:0, writes in 31:16
    intercept_dr: Field[u32] = at(0x004)
    intercept_exceptions: Field[u32] = at(0x008)
    intercept_events: Field[u32] = at(0x00C)  # Intercept
    intercept_svm: Field[u32] = at(0x010)  # InterceptSvm
    iopm: Field[Hpa] = at(0x040)
    msrpm: Field[Hpa] = at(0x048)
    tsc_offset: Field[u64] = at(0x050)
    asid: Field[u32] = at(0x058)
    tlb_control: Field[u8] = at(0x05C)
    virtual_interrupt: Field[VirtualInterrupt] = at(0x060)
    interrupt_shadow: Field[u64] = at(0x068)
    exit_code: Field[u64] = at(0x070)
    exit_info_1: Field[u64] = at(0x078)
    exit_info_2: Field[u64] = at(0x080)
    exit_interrupt_info: Field[u64] = at(0x088)
    nested_paging: Field[u64] = at(0x090)
    event_injection: Field[u64] = at(0x0A8)
    nested_cr3: Field[Hpa] = at(0x0B0)
    clean_bits: Field[u32] = at(0x0C0)
    next_rip: Field[u64] = at(0x0C8)


class SaveArea(Struct, size=0xC00):
    """The guest's state. FS, GS, TR, LDTR, KERNEL_GS_BASE and the SYSCALL and SYSENTER MSRs move by VMLOAD and
    VMSAVE."""

    es: VmcbSegment = at(0x000)
    cs: VmcbSegment = at(0x010)
    ss: VmcbSegment = at(0x020)
    ds: VmcbSegment = at(0x030)
    fs: VmcbSegment = at(0x040)
    gs: VmcbSegment = at(0x050)
    gdtr: VmcbSegment = at(0x060)
    ldtr: VmcbSegment = at(0x070)
    idtr: VmcbSegment = at(0x080)
    tr: VmcbSegment = at(0x090)
    cpl: Field[u8] = at(0x0CB)
    efer: Field[u64] = at(0x0D0)
    cr4: Field[u64] = at(0x148)
    cr3: Field[u64] = at(0x150)
    cr0: Field[u64] = at(0x158)
    dr7: Field[u64] = at(0x160)
    dr6: Field[u64] = at(0x168)
    rflags: Field[u64] = at(0x170)
    rip: Field[u64] = at(0x178)
    rsp: Field[u64] = at(0x1D8)
    rax: Field[u64] = at(0x1F8)
    star: Field[u64] = at(0x200)
    lstar: Field[u64] = at(0x208)
    cstar: Field[u64] = at(0x210)
    sfmask: Field[u64] = at(0x218)
    kernel_gs_base: Field[u64] = at(0x220)
    sysenter_cs: Field[u64] = at(0x228)
    sysenter_esp: Field[u64] = at(0x230)
    sysenter_eip: Field[u64] = at(0x238)
    cr2: Field[u64] = at(0x240)
    pat: Field[u64] = at(0x268)


class Vmcb(Struct, size=4096, align=4096):
    """One guest processor."""

    control: ControlArea = at(0)
    save: SaveArea = at(SAVE_AREA)


SAVE_RAX = SAVE_AREA + SaveArea.rax.offset
