"""Registers at a kernel's first instruction: flat segments, with paging off or with an identity map in long mode."""

from __future__ import annotations

from codegen.lang import Gpa, Local, fn, range, static, u8, u32, u64
from hypervisor.memory.guest import GuestMemory, write_u64
from hypervisor.vcpu.contract import (
    vcpu_set_cr,
    vcpu_set_efer,
    vcpu_set_rflags,
    vcpu_set_rip,
    vcpu_set_rsp,
    vcpu_write_segment,
)
from hypervisor.vcpu.segment import Segment, SegmentName, SegmentRights
from hypervisor.vcpu.vcpu import Vcpu
from hypervisor.vm.boot.error import BootError

DESCRIPTOR_TABLE = 0x1000
PAGE_TABLES = 0x2000  # PML4, PDPT, four page directories
STACK_TOP = 0x8FF0
CODE_SELECTOR, DATA_SELECTOR = 0x10, 0x18  # __BOOT_CS and __BOOT_DS of the Linux boot protocol
CODE_32 = 0x00CF_9B00_0000_FFFF
CODE_64 = 0x00AF_9B00_0000_FFFF
DATA = 0x00CF_9300_0000_FFFF
TABLE_ENTRY = 0x003  # present, writable
LARGE_PAGE = 0x083  # present, writable, 2 MiB
CR0_PE, CR0_ET, CR0_NE, CR0_PG = 1 << 0, 1 << 4, 1 << 5, 1 << 31
CR4_PAE = 1 << 5
EFER_LME = 1 << 8
DATA_SEGMENTS = (SegmentName.DS, SegmentName.ES, SegmentName.FS, SegmentName.GS, SegmentName.SS)


@fn
def write_descriptors(memory: GuestMemory, code: u64) -> BootError | None:
    """A flat GDT in the guest's memory, for kernels that reload their segments before they have their own."""
    if write_u64(memory, Gpa(DESCRIPTOR_TABLE + CODE_SELECTOR), code) is not None:
        return BootError.MEMORY_TOO_SMALL
    if write_u64(memory, Gpa(DESCRIPTOR_TABLE + DATA_SELECTOR), u64(DATA)) is not None:
        return BootError.MEMORY_TOO_SMALL
    return None


@fn
def set_flat_segments(vcpu: Vcpu, long: bool) -> None:
    """CS, the data segments, TR and the table registers, hidden parts included."""
    segment = Local(Segment)
    segment.limit = 0xFFFF_FFFF
    segment.selector = CODE_SELECTOR
    segment.rights = SegmentRights(
        type=u8(0xB), is_code_or_data=True, present=True, granularity=True, long=long, default_32=not long
    )
    vcpu_write_segment(vcpu, SegmentName.CS, segment)
    segment.selector = DATA_SELECTOR
    segment.rights = SegmentRights(type=u8(3), is_code_or_data=True, present=True, granularity=True, default_32=True)
    for name in static(DATA_SEGMENTS):
        vcpu_write_segment(vcpu, name, segment)
    segment.zero()
    segment.limit = 0x67
    segment.rights = SegmentRights(type=u8(0xB), present=True)  # a busy 32/64-bit TSS, as VM entry wants it
    vcpu_write_segment(vcpu, SegmentName.TR, segment)
    segment.zero()
    segment.base = DESCRIPTOR_TABLE
    segment.limit = 0x1F
    vcpu_write_segment(vcpu, SegmentName.GDTR, segment)
    segment.zero()
    vcpu_write_segment(vcpu, SegmentName.IDTR, segment)


@fn
def enter_flat_32(vcpu: Vcpu, entry: u64, rax: u64, rbx: u64, rsi: u64) -> BootError | None:
    """32-bit protected mode, paging off, interrupts off."""
    error = write_descriptors(vcpu.vm.memory, u64(CODE_32))
    if error is not None:
        return error
    vcpu_set_cr(vcpu, u32(0), u64(CR0_PE | CR0_ET | CR0_NE))
    set_flat_segments(vcpu, False)
    set_registers(vcpu, entry, rax, rbx, rsi)
    return None


@fn
def enter_flat_64(vcpu: Vcpu, entry: u64, rsi: u64) -> BootError | None:
    """64-bit mode with the first 4 GiB mapped one to one (Linux 64-bit boot protocol), interrupts off."""
    memory = vcpu.vm.memory
    error = write_descriptors(memory, u64(CODE_64))
    if error is not None:
        return error
    if write_u64(memory, Gpa(PAGE_TABLES), u64(PAGE_TABLES + 0x1000 + TABLE_ENTRY)) is not None:
        return BootError.MEMORY_TOO_SMALL
    for i in range(u64(4)):
        table = PAGE_TABLES + 0x2000 + i * 0x1000
        if write_u64(memory, Gpa(PAGE_TABLES + 0x1000 + i * 8), table + TABLE_ENTRY) is not None:
            return BootError.MEMORY_TOO_SMALL
    for i in range(u64(2048)):
        if write_u64(memory, Gpa(PAGE_TABLES + 0x2000 + i * 8), (i << 21) + LARGE_PAGE) is not None:
            return BootError.MEMORY_TOO_SMALL
    vcpu_set_cr(vcpu, u32(3), u64(PAGE_TABLES))
    vcpu_set_cr(vcpu, u32(4), u64(CR4_PAE))
    vcpu_set_efer(vcpu, u64(EFER_LME))
    vcpu_set_cr(vcpu, u32(0), u64(CR0_PG | CR0_PE | CR0_ET | CR0_NE))
    set_flat_segments(vcpu, True)
    set_registers(vcpu, entry, u64(0), u64(0), rsi)
    return None


@fn
def set_registers(vcpu: Vcpu, entry: u64, rax: u64, rbx: u64, rsi: u64) -> None:
    """General registers; those that no protocol names are 0."""
    vcpu.regs.zero()
    vcpu.regs.rax = rax
    vcpu.regs.rbx = rbx
    vcpu.regs.rsi = rsi
    vcpu_set_rsp(vcpu, u64(STACK_TOP))
    vcpu_set_rflags(vcpu, u64(2))
    vcpu_set_rip(vcpu, entry)
