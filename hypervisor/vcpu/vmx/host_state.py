"""The host-state area: where the processor finds the monitor again (SDM vol. 3C, 25.5, 27.2.2 and 27.2.3)."""

from __future__ import annotations

from codegen.lang import (
    Field,
    Hva,
    Local,
    Struct,
    address_of,
    at,
    fn,
    rdmsr,
    read_cr0,
    read_cr3,
    read_cr4,
    read_cs,
    read_ss,
    read_tr,
    sidt,
    u16,
    u32,
    u64,
)
from hypervisor.cpu.per_cpu import CPU
from hypervisor.vcpu.vcpu import Vcpu
from hypervisor.vcpu.vmx import fields, msr_index


class TableRegister(Struct, size=10, align=1):
    """What SIDT stores."""

    limit: Field[u16] = at(0)
    base: Field[Hva] = at(2)


@fn(cold=True)
def write_host_state(vcpu: Vcpu) -> None:
    """Describe this processor's monitor. RSP points to the vCPU itself: the exit stub saves its registers there.

    RIP is written by the entry stub. The limits of GDTR and IDTR become FFFFh at each exit: harmless, since nothing
    indexes past what both tables hold (the IDT has all 256 gates; no guest value becomes a selector).
    """
    fields.HOST_CR0.write(read_cr0())
    fields.HOST_CR3.write(read_cr3())
    fields.HOST_CR4.write(read_cr4())
    fields.HOST_EFER.write(rdmsr(u32(msr_index.IA32_EFER)))
    fields.HOST_PAT.write(rdmsr(u32(msr_index.IA32_PAT)))
    fields.HOST_CS.write(read_cs())
    fields.HOST_SS.write(read_ss())
    fields.HOST_DS.write(u16(0))
    fields.HOST_ES.write(u16(0))
    fields.HOST_FS.write(u16(0))
    fields.HOST_GS.write(u16(0))
    fields.HOST_TR.write(read_tr())
    fields.HOST_FS_BASE.write(rdmsr(u32(msr_index.IA32_FS_BASE)))
    fields.HOST_GS_BASE.write(rdmsr(u32(msr_index.IA32_GS_BASE)))
    fields.HOST_SYSENTER_CS.write(u32(0))
    fields.HOST_SYSENTER_ESP.write(u64(0))
    fields.HOST_SYSENTER_EIP.write(u64(0))
    fields.HOST_RSP.write(u64(address_of(vcpu)))
    fields.HOST_TR_BASE.write(u64(address_of(CPU.here().task_state)))
    fields.HOST_GDTR_BASE.write(u64(address_of(CPU.here().gdt)))
    table = Local(TableRegister)
    sidt(address_of(table))
    fields.HOST_IDTR_BASE.write(u64(table.base))
