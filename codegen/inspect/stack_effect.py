"""What one instruction does to the stack pointer and to the frame pointer, both counted in bytes below a start."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from capstone import x86

READS_ONLY = ("cmp", "test")
PUSHES = ("push", "pushfq", "pushfd", "pushal")
POPS = ("pop", "popfq", "popfd", "popal")
IMPLICIT = (*PUSHES, *POPS, "leave", "enter")
OPERAND_SIZE = 0x66
_PARTS_OF_SP = (x86.X86_REG_RSP, x86.X86_REG_ESP, x86.X86_REG_SP, x86.X86_REG_SPL)
_PARTS_OF_BP = (x86.X86_REG_RBP, x86.X86_REG_EBP, x86.X86_REG_BP, x86.X86_REG_BPL)


class UnknownEffect(Exception):
    """The stack pointer gets a value that cannot be known."""


@dataclass(frozen=True, slots=True)
class Pointers:
    """Depths of SP and BP; None when unknown, or of another stack."""

    sp: int | None
    bp: int | None


@dataclass
class StackEffects:
    """For code of `bits` 32 or 64. `switches`: the code may load SP from memory or a register, as a stub does that
    changes stacks; what it saved before it finds again."""

    bits: int
    switches: bool
    _saved: dict[int, int | None] = field(default_factory=dict)

    def after(self, instruction: Any, mnemonic: str, before: Pointers) -> Pointers:
        """Behind an instruction that is no call. Raises UnknownEffect."""
        sp, bp, word = before.sp, before.bp, self.bits // 8
        if mnemonic not in IMPLICIT and names_neither(instruction):
            return before
        operands = instruction.operands
        if mnemonic in (*PUSHES, *POPS) and instruction.prefix[2] == OPERAND_SIZE:
            raise UnknownEffect
        if mnemonic in PUSHES:
            return Pointers(deeper(sp, 8 * word if mnemonic == "pushal" else word), bp)
        to_sp, to_bp = (bool(operands) and is_register(operands[0], parts) for parts in (_PARTS_OF_SP, _PARTS_OF_BP))
        if mnemonic in POPS and not to_sp:
            lost = to_bp or mnemonic == "popal"
            return Pointers(deeper(sp, -(8 * word if mnemonic == "popal" else word)), None if lost else bp)
        if mnemonic == "leave":
            return Pointers(deeper(bp, -word), None)
        if mnemonic == "enter" or (
            mnemonic in ("xchg", "xadd") and any(is_register(o, _PARTS_OF_SP) for o in operands)
        ):
            raise UnknownEffect
        if mnemonic == "mov" and is_register(operands[1], (self._sp,)):
            if to_bp:
                return Pointers(sp, sp)
            if operands[0].type == x86.X86_OP_MEM:
                self._saved[operands[0].mem.disp] = sp
        if mnemonic in READS_ONLY or not (to_sp or to_bp):
            return before
        if to_bp:
            return Pointers(sp, None)
        return Pointers(self._loaded(mnemonic, operands, before), bp)

    @property
    def _sp(self) -> int:
        register: int = x86.X86_REG_RSP if self.bits == 64 else x86.X86_REG_ESP
        return register

    @property
    def _bp(self) -> int:
        register: int = x86.X86_REG_RBP if self.bits == 64 else x86.X86_REG_EBP
        return register

    def _loaded(self, mnemonic: str, operands: Any, before: Pointers) -> int | None:
        """The depth after an instruction that writes SP as its first operand."""
        if operands[0].reg != self._sp or len(operands) != 2:
            raise UnknownEffect
        amount = operands[1]
        if amount.type == x86.X86_OP_IMM and mnemonic in ("sub", "add", "and"):
            if mnemonic == "and":  # at most so much further down, from a stack that is aligned to words
                return deeper(before.sp, (-amount.imm & ((1 << self.bits) - 1)) - self.bits // 8)
            return deeper(before.sp, amount.imm if mnemonic == "sub" else -amount.imm)
        if mnemonic == "lea" and amount.mem.index == 0 and amount.mem.base in (self._sp, self._bp):
            base = before.sp if amount.mem.base == self._sp else before.bp
            if base is not None:
                return base - int(amount.mem.disp)
        if mnemonic == "mov" and is_register(amount, (self._bp,)) and before.bp is not None:
            return before.bp
        if mnemonic == "mov" and self.switches:
            return self._saved.get(amount.mem.disp) if amount.type == x86.X86_OP_MEM else None
        raise UnknownEffect


def names_neither(instruction: Any) -> bool:
    """Whether no part of SP or BP is an operand. Most instructions need no closer look, which costs capstone's time."""
    return "sp" not in instruction.op_str and "bp" not in instruction.op_str


def is_register(operand: Any, registers: tuple[int, ...]) -> bool:
    """Whether it is one of these."""
    return bool(operand.type == x86.X86_OP_REG and operand.reg in registers)


def deeper(depth: int | None, size: int) -> int | None:
    """`size` bytes further down."""
    return None if depth is None else depth + size


def accesses_below(instruction: Any, mnemonic: str, at: Pointers) -> bool:
    """Whether it reads or writes memory beneath SP, where an interrupt on this stack writes: ring 0 has no red zone."""
    if mnemonic in ("lea", "nop") or names_neither(instruction):
        return False
    for operand in instruction.operands:
        if operand.type != x86.X86_OP_MEM or operand.mem.segment in (x86.X86_REG_FS, x86.X86_REG_GS):
            continue
        if operand.mem.base in _PARTS_OF_SP and operand.mem.disp < 0:
            return True
        if operand.mem.base in _PARTS_OF_BP and at.bp is not None and at.sp is not None and operand.mem.index == 0:
            if at.bp - operand.mem.disp > at.sp:
                return True
    return False
