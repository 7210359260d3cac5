"""Exceptions that the guest raises on purpose, and single steps over instructions that leave the guest."""

from __future__ import annotations

from codegen.lang import fn, int3, intrinsic, rdmsr, u32, u64
from hypervisor.cpu.idt import IDT
from tests.guests.check import check, checks_of
from tests.guests.checks.msr import INSTRUCTION, UNKNOWN
from tests.guests.trapped import TRAPPED, came, expect

DB, BP, UD, DF, GP = 1, 3, 6, 8, 13
GATE_PRESENT = 1 << 7


@intrinsic(
    "pushfq; orq $$0x100, (%rsp); popfq; cpuid; nop; pushfq; andq $$-0x101, (%rsp); popfq",
    "~{ax},~{bx},~{cx},~{dx},~{memory}",
)
def step_over_cpuid() -> None:
    """TF is set before CPUID and cleared four instructions later: #DB behind CPUID, NOP, PUSHF, AND and POPF."""
    raise NotImplementedError


@intrinsic(".byte 0xf1", "~{memory}")
def int1() -> None:
    """INT1: #DB as a trap."""
    raise NotImplementedError


@intrinsic(".byte 0x0f, 0x0b", "~{memory}")
def undefined() -> None:
    """UD2, which the check skips."""
    raise NotImplementedError


@check
@fn
def int3_arrives_once() -> bool:
    expect(u64(0))
    int3()
    return came(u32(BP), u64(0))


@check
@fn
def int1_arrives_once() -> bool:
    expect(u64(1))
    before = TRAPPED.single_steps
    int1()
    return came(u32(DB), u64(0)) and TRAPPED.single_steps == before + 1


@check
@fn
def an_undefined_opcode_arrives_at_its_own_address() -> bool:
    expect(u64(2))
    undefined()
    return came(u32(UD), u64(0))


@check
@fn
def single_steps_see_an_emulated_instruction_as_one() -> bool:
    expect(u64(1))
    before = TRAPPED.single_steps
    step_over_cpuid()
    return TRAPPED.single_steps - before == 5


@check
@fn
def an_injected_exception_without_a_gate_is_a_double_fault() -> bool:
    gate = IDT.gates[u32(GP)]
    gate.type = gate.type & ~GATE_PRESENT
    expect(u64(INSTRUCTION))
    rdmsr(u32(UNKNOWN))
    gate.type = gate.type | GATE_PRESENT
    return came(u32(DF), u64(0))


CHECKS = checks_of(globals())
