"""The interrupt descriptor table: 256 interrupt gates, one table for all processors."""

from __future__ import annotations

from codegen.lang import (
    Array,
    Field,
    Local,
    Struct,
    address_of,
    at,
    fn,
    lidt,
    range,
    sizeof,
    storage,
    u8,
    u16,
    u32,
    u64,
)
from hypervisor.cpu.gdt import CODE_SELECTOR, IST_DOUBLE_FAULT, IST_MACHINE_CHECK, IST_NMI, TableOperand
from hypervisor.cpu.trap_entry import ENTRY_BYTES, VECTORS, trap_entries
from hypervisor.vcpu.event import Vector

INTERRUPT_GATE = 0x8E  # present, DPL 0, 64-bit interrupt gate: IF is cleared on the way in


class Gate(Struct, size=16, align=8):
    """SDM vol. 3A, 6.14.1."""

    offset_low: Field[u16] = at(0)
    selector: Field[u16] = at(2)
    ist: Field[u8] = at(4)
    type: Field[u8] = at(5)
    offset_middle: Field[u16] = at(6)
    offset_high: Field[u32] = at(8)


class Idt(Struct, size=4096, align=16):
    """All gates."""

    gates: Array[Gate] = at(0, count=VECTORS)


IDT = storage(Idt)


@fn(cold=True)
def idt_fill() -> None:
    """Point every gate at its entry, on the stack of whoever is interrupted."""
    first = trap_entries()
    for vector in range(u64(VECTORS)):
        gate = IDT.gates[vector]
        entry = first + vector * ENTRY_BYTES
        gate.offset_low = u16.trunc(entry)
        gate.offset_middle = u16.trunc(entry >> 16)
        gate.offset_high = u32.trunc(entry >> 32)
        gate.selector = CODE_SELECTOR
        gate.type = INTERRUPT_GATE


@fn(cold=True)
def idt_use_own_stacks() -> None:
    """#DF, NMI and #MC go to the stacks that the TSS names: for when those are mapped."""
    IDT.gates[u32(Vector.DF)].ist = IST_DOUBLE_FAULT
    IDT.gates[u32(Vector.NMI)].ist = IST_NMI
    IDT.gates[u32(Vector.MC)].ist = IST_MACHINE_CHECK


@fn(cold=True)
def idt_load() -> None:
    """On each processor."""
    operand = Local(TableOperand)
    operand.limit = sizeof(Idt) - 1
    operand.base = address_of(IDT)
    lidt(address_of(operand))
