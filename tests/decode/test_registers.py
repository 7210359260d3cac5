from __future__ import annotations

import pytest

from codegen.lang import u32, u64
from hypervisor.exits.decode.registers import read_register, write_register
from hypervisor.vcpu.svm.state import save_of
from hypervisor.vcpu.vcpu import Vcpu
from tests.played_guest.machine import everywhere, new_machine

RAX, RSP, R12 = 0, 4, 12
OLD = 0x1122_3344_5566_7788


@pytest.fixture
def vcpu() -> Vcpu:
    return new_machine()


@everywhere
@pytest.mark.parametrize(
    ("width", "high", "value"),
    [(1, False, 0x88), (1, True, 0x77), (2, False, 0x7788), (4, False, 0x5566_7788), (8, False, OLD)],
)
def test_an_operand_is_read_in_its_width(run, vcpu, width, high, value):
    vcpu.regs.rax = OLD
    assert run(read_register, vcpu, u32(RAX), u32(width), high) == value


@everywhere
@pytest.mark.parametrize(
    ("width", "high", "after"),
    [
        (1, False, 0x1122_3344_5566_77AB),
        (1, True, 0x1122_3344_5566_AB88),
        (2, False, 0x1122_3344_5566_CDAB),
        (4, False, 0x89EF_CDAB),
        (8, False, 0x0123_4567_89EF_CDAB),
    ],
)
def test_an_operand_is_written_as_instructions_of_its_width_do(run, vcpu, width, high, after):
    vcpu.regs.r12 = OLD
    number = R12 if not high else RAX
    vcpu.regs.rax = OLD
    run(write_register, vcpu, u32(number), u32(width), high, u64(0x0123_4567_89EF_CDAB))
    assert (vcpu.regs.rax if high else vcpu.regs.r12) == after


@everywhere
def test_register_4_is_the_stack_pointer(run, vcpu):
    save_of(vcpu).rsp = OLD
    assert run(read_register, vcpu, u32(RSP), u32(8), False) == OLD
    run(write_register, vcpu, u32(RSP), u32(2), False, u64(0xFFFF))
    assert save_of(vcpu).rsp == 0x1122_3344_5566_FFFF
