"""27.3.1.2 and 27.3.1.3: the guest's segment and descriptor-table registers, for an unrestricted guest."""

from __future__ import annotations

from codegen.lang import fn, static, u32, u64
from hypervisor.vcpu.segment import SegmentName, SegmentRights
from hypervisor.vcpu.vmx import fields
from hypervisor.vcpu.vmx.audit.guest_registers import RFLAGS_VM, entry_controls
from hypervisor.vcpu.vmx.audit.rule import canonical, rule, rules_of
from hypervisor.vcpu.vmx.inject import CR0_PE
from hypervisor.vcpu.vmx.instructions import vmread
from hypervisor.vcpu.vmx.segments import RIGHTS_BITS

DATA = (SegmentName.SS, SegmentName.DS, SegmentName.ES, SegmentName.FS, SegmentName.GS)
ALL = (SegmentName.CS, *DATA)
SYSTEM = (SegmentName.TR, SegmentName.LDTR)
TI = 1 << 2
VIRTUAL_8086_RIGHTS = 0xF3
REAL_MODE_CODE = 3
ACCESSED, READABLE, CODE = 1, 2, 8
CODE_TYPES = 1 << 9 | 1 << 11 | 1 << 13 | 1 << 15
STACK_TYPES = 1 << 3 | 1 << 7
LDT = 2
BUSY_TSS_16, BUSY_TSS = 3, 11


@fn(cold=True)
def selector(name: SegmentName) -> u64:
    return vmread(u64(name) * 2 + fields.GUEST_SELECTORS)


@fn(cold=True)
def base(name: SegmentName) -> u64:
    return vmread(u64(name) * 2 + fields.GUEST_BASES)


@fn(cold=True)
def limit(name: SegmentName) -> u64:
    return vmread(u64(name) * 2 + fields.GUEST_LIMITS)


@fn(cold=True)
def rights_word(name: SegmentName) -> u32:
    return u32.trunc(vmread(u64(name) * 2 + fields.GUEST_RIGHTS))


@fn(cold=True)
def rights(name: SegmentName) -> SegmentRights:
    """Without reserved bits, which have a rule of their own."""
    return SegmentRights.of(rights_word(name) & RIGHTS_BITS)


@fn(cold=True)
def in_set(kinds: u32, kind: u32) -> bool:
    return kinds >> (kind & 15) & 1 != 0


@fn(cold=True)
def virtual_8086() -> bool:
    return fields.GUEST_RFLAGS.read() & RFLAGS_VM != 0


@fn(cold=True)
def granularity_fits(name: SegmentName) -> bool:
    """A limit with a 0 among its low 12 bits counts bytes; one with a 1 above bit 19 counts pages."""
    pages = rights(name).granularity
    return (limit(name) & 0xFFF == 0xFFF or not pages) and (limit(name) >> 20 == 0 or pages)


@rule("27.3.1.2", "the TI flag of TR must be 0, and that of LDTR if it is usable")
@fn(cold=True)
def system_selectors() -> bool:
    ldtr = rights(SegmentName.LDTR).unusable or selector(SegmentName.LDTR) & TI == 0
    return ldtr and selector(SegmentName.TR) & TI == 0


@rule("27.3.1.2", "in virtual-8086 mode each base must be the selector shifted left by 4")
@fn(cold=True)
def virtual_8086_bases() -> bool:
    holds = True
    for name in static(ALL):
        holds = holds and base(name) == selector(name) << 4
    return holds or not virtual_8086()


@rule("27.3.1.2", "in virtual-8086 mode each limit must be FFFFH and each access-rights field F3H")
@fn(cold=True)
def virtual_8086_limits() -> bool:
    holds = True
    for name in static(ALL):
        holds = holds and limit(name) == 0xFFFF and rights_word(name) == VIRTUAL_8086_RIGHTS
    return holds or not virtual_8086()


@rule("27.3.1.2", "the bases of TR, FS and GS must be canonical, and that of LDTR if it is usable")
@fn(cold=True)
def canonical_bases() -> bool:
    ldtr = rights(SegmentName.LDTR).unusable or canonical(base(SegmentName.LDTR))
    return (
        ldtr and canonical(base(SegmentName.TR)) and canonical(base(SegmentName.FS)) and canonical(base(SegmentName.GS))
    )


@rule("27.3.1.2", "bits 63:32 of the base must be 0 in CS, and in usable SS, DS and ES")
@fn(cold=True)
def narrow_bases() -> bool:
    holds = base(SegmentName.CS) >> 32 == 0
    for name in static((SegmentName.SS, SegmentName.DS, SegmentName.ES)):
        holds = holds and (rights(name).unusable or base(name) >> 32 == 0)
    return holds


@rule("27.3.1.2", "CS must be an accessed code segment, or of type 3")
@fn(cold=True)
def cs_type() -> bool:
    kind = u32(rights(SegmentName.CS).type)
    return virtual_8086() or kind == REAL_MODE_CODE or in_set(u32(CODE_TYPES), kind)


@rule("27.3.1.2", "SS must be an accessed, writable data segment if it is usable")
@fn(cold=True)
def ss_type() -> bool:
    stack = rights(SegmentName.SS)
    return virtual_8086() or stack.unusable or in_set(u32(STACK_TYPES), u32(stack.type))


@rule("27.3.1.2", "usable DS, ES, FS and GS must be accessed, and readable if they are code")
@fn(cold=True)
def data_types() -> bool:
    holds = True
    for name in static((SegmentName.DS, SegmentName.ES, SegmentName.FS, SegmentName.GS)):
        kind = u32(rights(name).type)
        fits = kind & ACCESSED != 0 and (kind & CODE == 0 or kind & READABLE != 0)
        holds = holds and (rights(name).unusable or fits)
    return holds or virtual_8086()


@rule("27.3.1.2", "S must be 1 in CS and in usable data segments")
@fn(cold=True)
def code_or_data() -> bool:
    holds = rights(SegmentName.CS).is_code_or_data
    for name in static(DATA):
        holds = holds and (rights(name).unusable or rights(name).is_code_or_data)
    return holds or virtual_8086()


@rule("27.3.1.2", "the DPL of CS must be 0 for type 3, that of SS for types 9 and 11, at most that of SS for 13 and 15")
@fn(cold=True)
def cs_dpl() -> bool:
    code = rights(SegmentName.CS)
    stack_dpl = rights(SegmentName.SS).dpl
    if virtual_8086():
        return True
    if code.type == REAL_MODE_CODE:
        return code.dpl == 0
    if code.type == 9 or code.type == 11:
        return code.dpl == stack_dpl
    return code.dpl <= stack_dpl


@rule("27.3.1.2", "the DPL of SS must be 0 if CS is of type 3 or CR0.PE is 0")
@fn(cold=True)
def ss_dpl() -> bool:
    real = rights(SegmentName.CS).type == REAL_MODE_CODE or fields.GUEST_CR0.read() & CR0_PE == 0
    return virtual_8086() or not real or rights(SegmentName.SS).dpl == 0


@rule("27.3.1.2", "P must be 1 in CS and in usable data segments")
@fn(cold=True)
def present() -> bool:
    holds = rights(SegmentName.CS).present
    for name in static(DATA):
        holds = holds and (rights(name).unusable or rights(name).present)
    return holds or virtual_8086()


@rule("27.3.1.2", "bits 11:8 and 31:17 of the access rights must be 0")
@fn(cold=True)
def rights_reserved() -> bool:
    holds = rights_word(SegmentName.CS) & ~RIGHTS_BITS == 0 and rights_word(SegmentName.TR) & ~RIGHTS_BITS == 0
    for name in static((*DATA, SegmentName.LDTR)):
        holds = holds and (rights(name).unusable or rights_word(name) & ~RIGHTS_BITS == 0)
    return holds


@rule("27.3.1.2", "D/B of CS must be 0 in 64-bit code")
@fn(cold=True)
def cs_default_size() -> bool:
    code = rights(SegmentName.CS)
    return not (entry_controls().ia32e_guest and code.long and code.default_32)


@rule("27.3.1.2", "the granularity of CS and of usable data segments must fit the limit")
@fn(cold=True)
def granularity() -> bool:
    holds = granularity_fits(SegmentName.CS)
    for name in static(DATA):
        holds = holds and (rights(name).unusable or granularity_fits(name))
    return holds or virtual_8086()


@rule("27.3.1.2", "TR must be a busy TSS: 11, or 3 outside an IA-32e mode guest")
@fn(cold=True)
def tr_type() -> bool:
    kind = rights(SegmentName.TR).type
    return kind == BUSY_TSS or (kind == BUSY_TSS_16 and not entry_controls().ia32e_guest)


@rule("27.3.1.2", "TR must be usable, present, a system segment, with a granularity that fits its limit")
@fn(cold=True)
def tr_rights() -> bool:
    task = rights(SegmentName.TR)
    return not task.unusable and task.present and not task.is_code_or_data and granularity_fits(SegmentName.TR)


@rule("27.3.1.2", "a usable LDTR must be a present LDT, with a granularity that fits its limit")
@fn(cold=True)
def ldtr_rights() -> bool:
    table = rights(SegmentName.LDTR)
    fits = table.type == LDT and table.present and not table.is_code_or_data and granularity_fits(SegmentName.LDTR)
    return table.unusable or fits


@rule("27.3.1.3", "the bases of GDTR and IDTR must be canonical")
@fn(cold=True)
def table_bases() -> bool:
    return canonical(base(SegmentName.GDTR)) and canonical(base(SegmentName.IDTR))


@rule("27.3.1.3", "bits 31:16 of the limits of GDTR and IDTR must be 0")
@fn(cold=True)
def table_limits() -> bool:
    return limit(SegmentName.GDTR) >> 16 == 0 and limit(SegmentName.IDTR) >> 16 == 0


RULES = rules_of(globals())
