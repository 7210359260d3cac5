from __future__ import annotations

import random

import pytest

from codegen.lang import Gpa, u8, u64
from hypervisor.cpu.mitigations import MITIGATIONS
from hypervisor.devices.lapic.state import LapicMode
from hypervisor.exits.memory import emulate_memory
from hypervisor.exits.registry import Resume
from hypervisor.memory.frames import FRAMES, allocate_runs, frames_start
from hypervisor.memory.owner import guest_ram_owner, guest_tables_owner
from hypervisor.memory.second_level import second_level_create, second_level_map
from hypervisor.vcpu.contract import AccessRights
from hypervisor.vcpu.event import Event, EventType
from hypervisor.vcpu.exit import AccessCause
from hypervisor.vcpu.svm.state import save_of
from hypervisor.vcpu.vcpu import VcpuState
from hypervisor.vm.vm import StopReason, VmState
from tests.played_guest.machine import VM, everywhere, new_machine, put, set_mode, stop_ordered

RIP = 0x20_0000
IO_APIC, ABSENT = 0xFEC0_0000, 0xD000_0000
REDIRECTION_0_HIGH = 0x11


@pytest.fixture
def vcpu():
    vcpu = new_machine()
    set_mode(vcpu, 64, RIP)
    vcpu.lapic.mode = LapicMode.DISABLED
    return vcpu


def touch(vcpu, run, code, gpa=IO_APIC, **cause):
    put(RIP, bytes.fromhex(code).ljust(16, b"\x90"))
    vcpu.exit.gpa = Gpa(gpa)
    vcpu.exit.cause = AccessCause(**cause)
    return run(emulate_memory, vcpu)


def select(vcpu, run, index):
    vcpu.regs.rax = index
    assert touch(vcpu, run, "8903") == Resume.NEXT_INSTRUCTION


@everywhere
def test_stores_and_loads_reach_the_device(run, vcpu):
    select(vcpu, run, REDIRECTION_0_HIGH)
    assert touch(vcpu, run, "c7031200005a", IO_APIC + 0x10) == Resume.NEXT_INSTRUCTION
    assert vcpu.exit.instruction_length == 6
    for code, before, after in (
        ("8b03", 0xFFFF_FFFF_FFFF_FFFF, 0x5A00_0000),
        ("448b03", 7, 7),
        ("0fb603", 7, 0),
    ):
        vcpu.regs.rax = before
        assert touch(vcpu, run, code, IO_APIC + 0x10) == Resume.NEXT_INSTRUCTION
        assert vcpu.regs.rax == after, code
    assert vcpu.regs.r8 == 0x5A00_0000


@everywhere
def test_arithmetic_on_a_register_of_a_device_sets_flags(run, vcpu):
    select(vcpu, run, REDIRECTION_0_HIGH)
    touch(vcpu, run, "c703000000f0", IO_APIC + 0x10)
    touch(vcpu, run, "812b00000080", IO_APIC + 0x10)  # SUB
    assert save_of(vcpu).rflags & 0x8D5 == 0x004  # 70000000h: parity only
    touch(vcpu, run, "813b00000070", IO_APIC + 0x10)  # CMP
    assert save_of(vcpu).rflags & 0x8D5 == 0x044
    vcpu.regs.rax = 0
    touch(vcpu, run, "0b03", IO_APIC + 0x10)  # OR EAX, memory
    assert vcpu.regs.rax == 0x7000_0000
    vcpu.regs.rax = 0x1200_0000
    touch(vcpu, run, "8703", IO_APIC + 0x10)  # XCHG
    assert vcpu.regs.rax == 0x7000_0000
    touch(vcpu, run, "8b03", IO_APIC + 0x10)
    assert vcpu.regs.rax == 0x1200_0000


@everywhere
@pytest.mark.parametrize(
    ("code", "rax"),
    [("8a03", 0x1111_1111_1111_11FF), ("8a23", 0x1111_1111_1111_FF11), ("668b03", 0x1111_1111_1111_FFFF),
     ("8b03", 0xFFFF_FFFF), ("488b03", (1 << 64) - 1), ("0fb703", 0xFFFF), ("480fbe03", (1 << 64) - 1)],
)  # fmt: skip
def test_where_nothing_is_all_bits_are_one(run, vcpu, code, rax):
    vcpu.regs.rax = 0x1111_1111_1111_1111
    assert touch(vcpu, run, code, ABSENT) == Resume.NEXT_INSTRUCTION and vcpu.regs.rax == rax


@everywhere
def test_rep_stos_goes_one_element_at_a_time(run, vcpu):
    vcpu.regs.rcx, vcpu.regs.rdi = 2, ABSENT
    assert touch(vcpu, run, "f3ab", ABSENT) == Resume.SAME_INSTRUCTION
    assert (vcpu.regs.rcx, vcpu.regs.rdi) == (1, ABSENT + 4)
    assert touch(vcpu, run, "f3ab", ABSENT + 4) == Resume.NEXT_INSTRUCTION
    assert (vcpu.regs.rcx, vcpu.regs.rdi) == (0, ABSENT + 8)
    assert touch(vcpu, run, "f3ab", ABSENT) == Resume.NEXT_INSTRUCTION and vcpu.regs.rdi == ABSENT + 8
    save_of(vcpu).rflags = 0x402
    touch(vcpu, run, "66ab", ABSENT)
    assert vcpu.regs.rdi == ABSENT + 6


@pytest.mark.parametrize(
    ("cause", "pending", "reason"),
    [
        ({"page_walk": True}, False, StopReason.OUTSIDE_MEMORY),
        ({"write": True}, True, StopReason.OUTSIDE_MEMORY),
        ({"write": True}, False, StopReason.CRASHED),
    ],
)
def test_what_no_instruction_stands_for_stops_the_vm(vcpu, cause, pending, reason):
    VM.state, vcpu.state = VmState.RUNNING, VcpuState.RUNNABLE
    vcpu.pending = Event(vector=u8(0x30), type=EventType.INTERRUPT, valid=pending)
    assert touch(vcpu, lambda f, *a: f(*a), "0f1103", ABSENT, **cause) == Resume.YIELD
    assert stop_ordered(VM) == reason and vcpu.state == VcpuState.STOPPED


def test_an_instruction_that_went_away_is_retried(vcpu):
    save_of(vcpu).rip = 0x8000_0000
    assert touch(vcpu, lambda f, *a: f(*a), "8b03", ABSENT) == Resume.SAME_INSTRUCTION


@everywhere
def test_no_instruction_and_no_offset_traps(run, vcpu):
    source = random.Random(9)
    codes = (
        "8903",
        "8b03",
        "6689",
        "488b03",
        "0fb603",
        "480fbf03",
        "8703",
        "0003",
        "4801",
        "3b03",
        "c703ffffffff",
        "f3ab",
        "a4",
    )
    vcpu.lapic.mode = LapicMode.XAPIC
    for _ in range(150):
        for register in ("rax", "rcx", "rdi", "rbx"):
            setattr(vcpu.regs, register, source.choice((0, 1, 0xFFFF_FFFF, source.getrandbits(64))))
        gpa = source.choice((0xFEE0_0000, IO_APIC, ABSENT, 1 << 51)) + source.choice((source.randrange(4096), 0xFFF))
        touch(vcpu, run, source.choice(codes), gpa)
        vcpu.pending = Event()


@everywhere
def test_a_fetch_goes_on_where_large_pages_are_kept_from_executing(run, vcpu):
    ram_owner, tables = guest_ram_owner(VM.id), guest_tables_owner(VM.id)
    MITIGATIONS.small_code_pages = True
    FRAMES.usable.add(u64(64 << 20), u64(96 << 20))
    assert frames_start()
    root, ram = second_level_create(tables), allocate_runs(u64(1), ram_owner)
    second_level_map(root, Gpa(0), ram, u64(2 << 20), AccessRights.READ_WRITE_EXECUTE, ram_owner, tables)
    vcpu.vm.second_level_root = root
    assert touch(vcpu, run, "90", 0, fetch=True) == Resume.SAME_INSTRUCTION
    assert stop_ordered(vcpu.vm) is None
    assert touch(vcpu, run, "90", 4 << 20, fetch=True) == Resume.YIELD, "no memory is there"
