from __future__ import annotations

import pytest

from codegen.lang import u8, u16
from hypervisor.exits import port
from hypervisor.exits.registry import Resume
from hypervisor.vcpu.exit import PortAccess
from hypervisor.vcpu.svm.state import save_of
from tests.played_guest.machine import everywhere, get, new_machine, put, set_mode

SCRATCH = 0x3FF  # of COM1: a byte that keeps what is written
ABSENT = 0x5678
PAGE_TABLE_ENTRY = 0x3000


@pytest.fixture
def vcpu():
    vcpu = new_machine()
    set_mode(vcpu, 64, 0x20_0000)
    return vcpu


def access(vcpu, run, number=SCRATCH, width=1, **details):
    fields = {
        "address_size": u8(8),
        **{k: u8(v) if k in ("segment", "address_size") else v for k, v in details.items()},
    }
    vcpu.exit.port = PortAccess(port=u16(number), width=u8(width), **fields)
    return run(port.emulate_port, vcpu)


@everywhere
@pytest.mark.parametrize(
    ("width", "expected"), [(1, 0x1111_2222_3333_44FF), (2, 0x1111_2222_3333_FFFF), (4, 0xFFFF_FFFF)]
)
def test_an_in_replaces_as_many_bytes_as_its_register_has(run, vcpu, width, expected):
    vcpu.regs.rax = 0x1111_2222_3333_4455
    assert access(vcpu, run, ABSENT, width, is_in=True) == Resume.NEXT_INSTRUCTION
    assert vcpu.regs.rax == expected


@everywhere
def test_out_and_in_reach_the_device(run, vcpu):
    vcpu.regs.rax = 0x1111_2222_3333_44A5
    assert access(vcpu, run) == Resume.NEXT_INSTRUCTION
    vcpu.regs.rax = 0x1234_5600
    assert access(vcpu, run, is_in=True) == Resume.NEXT_INSTRUCTION
    assert vcpu.regs.rax == 0x1234_56A5


@everywhere
@pytest.mark.parametrize(("backwards", "step"), [(False, 1), (True, -1)])
def test_ins_fills_memory_in_bursts(run, vcpu, backwards, step):
    vcpu.regs.rax = 0x5A
    access(vcpu, run)
    save_of(vcpu).rflags = 2 | backwards << 10
    vcpu.regs.rdi, vcpu.regs.rcx = 0x30_0800, 100
    wanted = {"is_in": True, "is_string": True, "is_repeat": True}
    assert access(vcpu, run, **wanted) == Resume.SAME_INSTRUCTION
    assert vcpu.regs.rcx == 36 and vcpu.regs.rdi == 0x30_0800 + 64 * step
    assert access(vcpu, run, **wanted) == Resume.NEXT_INSTRUCTION
    assert vcpu.regs.rcx == 0 and vcpu.regs.rdi == 0x30_0800 + 100 * step
    first = 0x30_0800 if step > 0 else 0x30_0800 - 99
    assert get(first - 1, 102) == b"\0" + b"\x5a" * 100 + b"\0"


@everywhere
def test_outs_reads_memory(run, vcpu):
    put(0x30_0000, b"\x77\x88")
    vcpu.regs.rsi = 0x30_0001
    assert access(vcpu, run, is_string=True, segment=3) == Resume.NEXT_INSTRUCTION
    assert vcpu.regs.rsi == 0x30_0002
    access(vcpu, run, is_in=True)
    assert vcpu.regs.rax & 0xFF == 0x88


@everywhere
def test_a_repetition_of_0_does_nothing(run, vcpu):
    vcpu.regs.rcx = 0x1_0000_0000
    assert access(vcpu, run, is_in=True, is_string=True, is_repeat=True, address_size=4) == Resume.NEXT_INSTRUCTION
    assert vcpu.regs.rdi == 0 and vcpu.regs.rcx == 0x1_0000_0000


@everywhere
@pytest.mark.parametrize(("present", "user", "error"), [(False, False, 2), (False, True, 6), (True, True, 7)])
def test_a_fault_is_the_guests_and_keeps_what_was_done(run, vcpu, present, user, error):
    put(PAGE_TABLE_ENTRY + 8 * 4, (0x80_0000 | 0x82 | present).to_bytes(8, "little"))
    save_of(vcpu).cpl = 3 if user else 0
    vcpu.regs.rdi, vcpu.regs.rcx = 0x7F_FFFE, 5
    assert access(vcpu, run, is_in=True, is_string=True, is_repeat=True) == Resume.SAME_INSTRUCTION
    assert (vcpu.regs.rdi, vcpu.regs.rcx) == (0x80_0000, 3)
    assert vcpu.pending.vector == 14 and vcpu.pending_error == error and save_of(vcpu).cr2 == 0x80_0000


SMAP, AC = 1 << 21, 1 << 18


@everywhere
@pytest.mark.parametrize("is_in", [False, True])
def test_smap_keeps_the_kernel_from_a_user_page_unless_ac_is_set(run, vcpu, is_in):
    save = save_of(vcpu)
    save.cr4 = save.cr4 | SMAP
    vcpu.regs.rsi = vcpu.regs.rdi = 0x30_0000
    save.rflags = 2
    assert access(vcpu, run, is_in=is_in, is_string=True, segment=3) == Resume.SAME_INSTRUCTION
    assert (vcpu.pending.vector, vcpu.pending_error, save.cr2) == (14, 1 | is_in << 1, 0x30_0000)
    save.rflags = 2 | AC
    assert access(vcpu, run, is_in=is_in, is_string=True, segment=3) == Resume.NEXT_INSTRUCTION


@everywhere
def test_an_address_that_is_not_canonical_is_general_protection(run, vcpu):
    vcpu.regs.rsi = 1 << 60
    assert access(vcpu, run, is_string=True, segment=3) == Resume.SAME_INSTRUCTION
    assert vcpu.pending.vector == 13 and vcpu.pending_error == 0


@everywhere
def test_string_addresses_wrap_outside_64_bit_mode(run, vcpu):
    set_mode(vcpu, 16)
    save_of(vcpu).ds.base = 0xFFFF_FFF0
    put(0x10, b"\x99")
    vcpu.regs.rsi = 0xABCD_0020
    access(vcpu, run, is_string=True, segment=3, address_size=2)
    vcpu.regs.rax = 0
    access(vcpu, run, is_in=True)
    assert vcpu.regs.rax == 0x99 and vcpu.regs.rsi == 0xABCD_0021


@everywhere
@pytest.mark.parametrize("number", [0, 0x60, 0x3F8, 0xCF8, 0xFFFD, 0xFFFF])
@pytest.mark.parametrize("width", [1, 2, 4])
def test_no_port_and_width_traps(run, vcpu, number, width):
    for value in (0, 0xFFFF_FFFF, 0x8000_0000):
        vcpu.regs.rax = value
        access(vcpu, run, number, width)
        access(vcpu, run, number, width, is_in=True)
