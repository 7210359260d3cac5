import struct

import pytest

from codegen.lang import address_of, bind, host, storage, u32, u64
from hypervisor.cpu.gdt import CODE_SELECTOR, DATA_SELECTOR, TSS_SELECTOR, Gdt, TaskState, segments_start
from hypervisor.cpu.idt import IDT, idt_fill, idt_load, idt_use_own_stacks
from hypervisor.cpu.per_cpu import CPU, CPUS, per_cpu_start
from hypervisor.cpu.trap_entry import trap_entries

GDT = storage(Gdt)
TSS = storage(TaskState)
ENTRIES = 0xFFFF_FFFF_8000_1238


def test_segments_are_those_of_64_bit_mode() -> None:
    segments_start(GDT, TSS)
    assert int(u64(GDT.code)) == 0x0020_9B00_0000_0000
    assert int(u64(GDT.data)) == 0x0000_9300_0000_0000
    limit, base = struct.unpack("<HQ", host.cpu.gdtr)
    assert (limit, base) == (39, int(address_of(GDT)))
    assert [host.cpu.segments[name] for name in ("cs", "ds", "es", "ss", "tr")] == [
        CODE_SELECTOR,
        DATA_SELECTOR,
        DATA_SELECTOR,
        DATA_SELECTOR,
        TSS_SELECTOR,
    ]


def test_the_task_descriptor_spreads_the_base_as_the_manual_says() -> None:
    segments_start(GDT, TSS)
    low, high = int(u64(GDT.task_state)), int(GDT.task_state_base_high)
    base = (low >> 16 & 0xFF_FFFF) | (low >> 56 & 0xFF) << 24 | high << 32
    assert base == int(address_of(TSS))
    assert low & 0xFFFF == 103
    assert low >> 40 & 0xFF == 0x89
    assert int(TSS.io_map_base) == 104


@pytest.fixture
def idt() -> None:
    bind(trap_entries, lambda: u64(ENTRIES))
    idt_fill()


def test_every_gate_leads_to_its_entry_with_interrupts_off(idt: None) -> None:
    for vector in range(256):
        gate = IDT.gates[vector]
        offset = int(gate.offset_low) | int(gate.offset_middle) << 16 | int(gate.offset_high) << 32
        assert offset == ENTRIES + 8 * vector
        assert (int(gate.selector), int(gate.type), int(gate.ist)) == (CODE_SELECTOR, 0x8E, 0)


def test_three_traps_get_stacks_of_their_own(idt: None) -> None:
    idt_use_own_stacks()
    idt_load()
    assert {vector: int(IDT.gates[vector].ist) for vector in range(256) if int(IDT.gates[vector].ist)} == {
        8: 1,
        2: 2,
        18: 3,
    }
    assert struct.unpack("<HQ", host.cpu.idtr) == (4095, int(address_of(IDT)))


def test_each_processor_finds_its_own_data() -> None:
    per_cpu_start(u32(3))
    assert CPU.here() is CPUS[3] or int(CPU.here().self_address) == int(address_of(CPUS[3]))
    assert int(CPU.current.index) == 3
