"""Segments and the task state segment: 64-bit mode needs them for CS, and for the stacks of #DF, NMI and #MC."""

from __future__ import annotations

from codegen.lang import (
    Array,
    BitStruct,
    Field,
    Hva,
    Local,
    Struct,
    address_of,
    at,
    bit,
    bits,
    fn,
    lgdt,
    ltr,
    sizeof,
    u8,
    u16,
    u32,
    u64,
    write_cs,
    write_ds,
    write_es,
    write_ss,
)

CODE_SELECTOR = 0x08
DATA_SELECTOR = 0x10
TSS_SELECTOR = 0x18
TYPE_CODE = 0xB  # execute, read, accessed
TYPE_DATA = 0x3  # read, write, accessed
TYPE_TSS = 0x9  # available 64-bit TSS

IST_DOUBLE_FAULT = 1
IST_NMI = 2
IST_MACHINE_CHECK = 3


class Descriptor(BitStruct, repr=u64):
    """A segment descriptor (SDM vol. 3A, 3.4.5); the low half of a system descriptor."""

    limit_low: u16 = bits(0, 15)
    base_low: u32 = bits(16, 39)
    type: u8 = bits(40, 43)
    is_code_or_data: bool = bit(44)
    dpl: u8 = bits(45, 46)
    present: bool = bit(47)
    limit_high: u8 = bits(48, 51)
    long: bool = bit(53)
    default_32: bool = bit(54)
    granularity: bool = bit(55)
    base_high: u8 = bits(56, 63)


class Gdt(Struct, size=40, align=8):
    """Null, code, data, and the 16 bytes of the TSS descriptor."""

    null: Field[u64] = at(0)
    code: Field[Descriptor] = at(8)
    data: Field[Descriptor] = at(16)
    task_state: Field[Descriptor] = at(24)
    task_state_base_high: Field[u64] = at(32)


class TaskState(Struct, size=104, align=4):
    """The 64-bit TSS (SDM vol. 3A, 8.7): stack pointers only."""

    rsp: Array[u64] = at(4, count=3)
    ist: Array[u64] = at(36, count=7)  # IST 1 is ist[0]
    io_map_base: Field[u16] = at(102)


class TableOperand(Struct, size=10, align=1):
    """What LGDT and LIDT read."""

    limit: Field[u16] = at(0)
    base: Field[Hva] = at(2)


@fn(cold=True)
def segments_start(gdt: Gdt, task_state: TaskState) -> None:
    """Load this processor's descriptor table, its segment registers and its task register. GS is left alone."""
    gdt.code = Descriptor(type=u8(TYPE_CODE), is_code_or_data=True, present=True, long=True)
    gdt.data = Descriptor(type=u8(TYPE_DATA), is_code_or_data=True, present=True)
    base = u64(address_of(task_state))
    gdt.task_state = Descriptor(
        limit_low=u16(sizeof(TaskState) - 1),
        base_low=u32.trunc(base & 0xFF_FFFF),
        base_high=u8.trunc(base >> 24),
        type=u8(TYPE_TSS),
        present=True,
    )
    gdt.task_state_base_high = base >> 32
    task_state.io_map_base = sizeof(TaskState)  # beyond the limit: no I/O bitmap
    operand = Local(TableOperand)
    operand.limit = sizeof(Gdt) - 1
    operand.base = address_of(gdt)
    lgdt(address_of(operand))
    write_cs(u16(CODE_SELECTOR))
    write_ds(u16(DATA_SELECTOR))
    write_es(u16(DATA_SELECTOR))
    write_ss(u16(DATA_SELECTOR))
    ltr(u16(TSS_SELECTOR))
