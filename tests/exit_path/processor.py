"""As much of an x86-64 processor as the path from an exit to the next entry needs; more is refused by name."""

from __future__ import annotations

from collections.abc import Callable

import capstone
from capstone import x86

from codegen.show.debug_tree import DebugTree
from tests.exit_path.memory import Memory

NUMBERS = (
    ("rax", "eax", "ax", "al"), ("rcx", "ecx", "cx", "cl"), ("rdx", "edx", "dx", "dl"), ("rbx", "ebx", "bx", "bl"),
    ("rsp", "esp", "sp", "spl"), ("rbp", "ebp", "bp", "bpl"), ("rsi", "esi", "si", "sil"), ("rdi", "edi", "di", "dil"),
    *((f"r{n}", f"r{n}d", f"r{n}w", f"r{n}b") for n in range(8, 16)),
)  # fmt: skip
REGISTERS = {name: (number, 64 >> size) for number, names in enumerate(NUMBERS) for size, name in enumerate(names)}
RSP, RDI = 4, 7
MASK = (1 << 64) - 1
ENTRIES = {"vmresume", "vmlaunch", "vmrun"}
WITHOUT_EFFECT = {"nop", "clgi", "stgi", "cli", "sti", "vmload", "vmsave", "lfence"}


class NotKnown(Exception):
    """The path has something that this processor does not do, or has not been told."""


class Processor:
    """Registers that nobody has set are 0. `fields` is the current VMCS; one that was not given is refused."""

    def __init__(self, image: DebugTree, memory: Memory, gs: int, fields: dict[int, int]) -> None:
        self.image, self.memory, self.gs, self.fields = image, memory, gs, fields
        self.registers = [0] * 16
        self.carry = self.zero = self.sign = self.overflow = False
        self.decoder = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
        self.decoder.detail = True
        self.next = 0

    def walk(self, start: int, most: int) -> list[int]:
        """The addresses of the instructions from `start` to the next entry into the guest, which is the last."""
        path: list[int] = []
        self.next = start
        while len(path) < most:
            code = self.image.content(self.next, 15)
            instruction = next(self.decoder.disasm(code, self.next, 1), None)
            if instruction is None:
                raise NotKnown(f"no instruction at {self.next:#x}")
            path.append(instruction.address)
            if instruction.mnemonic in ENTRIES:
                return path
            self.next += instruction.size
            self.step(instruction)
        raise NotKnown(f"no entry within {most} instructions")

    def step(self, one: capstone.CsInsn) -> None:
        """One instruction's effect."""
        name = one.mnemonic.removeprefix("lock ").removeprefix("notrack ")
        ways: dict[str, Callable[[capstone.CsInsn], None]] = {
            "mov": self.move, "movabs": self.move, "movzx": self.move, "lea": self.move, "push": self.push,
            "pop": self.pop, "call": self.call, "ret": self.leave, "jmp": self.jump, "rdtsc": self.read_clock,
            "vmread": self.read_field, "vmwrite": self.write_field, "xchg": self.exchange,
        }  # fmt: skip
        if name in WITHOUT_EFFECT:
            return
        if name in ways:
            ways[name](one)
        elif name in ARITHMETIC:
            self.arithmetic(one, name)
        elif name.startswith("j") and name[1:] in CONDITIONS:
            self.next = self.value(one, 0) if CONDITIONS[name[1:]](self) else self.next
        elif name.startswith("cmov") and name[4:] in CONDITIONS:
            self.store(one, 0, self.value(one, 1 if CONDITIONS[name[4:]](self) else 0))
        elif name.startswith("set") and name[3:] in CONDITIONS:
            self.store(one, 0, int(CONDITIONS[name[3:]](self)))
        else:
            raise NotKnown(f"{one.mnemonic} {one.op_str} at {one.address:#x}")

    # Operands

    def register(self, name: str) -> int:
        number, bits = REGISTERS[name]
        return self.registers[number] & (1 << bits) - 1

    def address(self, one: capstone.CsInsn, operand: x86.X86Op) -> int:
        memory = operand.mem
        total = int(memory.disp)
        if memory.base:
            name = one.reg_name(memory.base)
            total += one.address + one.size if name == "rip" else self.register(name)
        if memory.index:
            total += self.register(one.reg_name(memory.index)) * memory.scale
        return (total + (self.gs if one.reg_name(memory.segment) == "gs" else 0)) & MASK

    def value(self, one: capstone.CsInsn, index: int) -> int:
        operand = one.operands[index]
        if operand.type == x86.X86_OP_IMM:
            return int(operand.imm) & (1 << 8 * one.operands[0].size) - 1 if index else int(operand.imm) & MASK
        if operand.type == x86.X86_OP_REG:
            return self.register(one.reg_name(operand.reg))
        return self.memory.read(self.address(one, operand), operand.size)

    def store(self, one: capstone.CsInsn, index: int, value: int) -> None:
        operand = one.operands[index]
        if operand.type == x86.X86_OP_MEM:
            self.memory.write(self.address(one, operand), operand.size, value)
            return
        number, bits = REGISTERS[one.reg_name(operand.reg)]
        mask = (1 << bits) - 1
        kept = self.registers[number] & ~mask if bits < 32 else 0  # a write of 32 bits clears the upper ones
        self.registers[number] = kept | value & mask

    # Instructions

    def move(self, one: capstone.CsInsn) -> None:
        self.store(one, 0, self.address(one, one.operands[1]) if one.mnemonic == "lea" else self.value(one, 1))

    def exchange(self, one: capstone.CsInsn) -> None:
        first, second = self.value(one, 0), self.value(one, 1)
        self.store(one, 0, second)
        self.store(one, 1, first)

    def push(self, one: capstone.CsInsn) -> None:
        value = self.value(one, 0)
        self.registers[RSP] -= 8
        self.memory.write(self.registers[RSP], 8, value)

    def pop(self, one: capstone.CsInsn) -> None:
        value = self.memory.read(self.registers[RSP], 8)
        self.registers[RSP] += 8
        self.store(one, 0, value)

    def call(self, one: capstone.CsInsn) -> None:
        target = self.value(one, 0)
        self.registers[RSP] -= 8
        self.memory.write(self.registers[RSP], 8, self.next)
        self.next = target

    def leave(self, one: capstone.CsInsn) -> None:
        self.next = self.memory.read(self.registers[RSP], 8)
        self.registers[RSP] += 8

    def jump(self, one: capstone.CsInsn) -> None:
        self.next = self.value(one, 0)

    def read_clock(self, one: capstone.CsInsn) -> None:
        self.registers[0] = self.registers[2] = 0

    def read_field(self, one: capstone.CsInsn) -> None:
        encoding = self.value(one, 1)
        if encoding not in self.fields:
            raise NotKnown(f"VMCS field {encoding:#x} at {one.address:#x}")
        self.store(one, 0, self.fields[encoding])
        self.carry = self.zero = False

    def write_field(self, one: capstone.CsInsn) -> None:
        self.fields[self.value(one, 0)] = self.value(one, 1)
        self.carry = self.zero = False

    def arithmetic(self, one: capstone.CsInsn, name: str) -> None:
        """Result and flags; a shift by an immediate or CL sets carry as nobody here asks for it."""
        bits = 8 * one.operands[0].size
        left = self.value(one, 0)
        right = self.value(one, 1) if len(one.operands) > 1 else 1
        whole = ARITHMETIC[name](left, right, bits)
        result = whole & (1 << bits) - 1
        top = 1 << bits - 1
        if name not in ("inc", "dec", "not"):
            self.carry = whole != result if name != "neg" else left != 0
        if name != "not":
            self.zero, self.sign = result == 0, result & top != 0
            differ = (left ^ right) & top != 0
            same = differ if name in ("sub", "cmp") else not differ
            self.overflow = name in ("add", "sub", "cmp") and same and (left ^ result) & top != 0
        if name not in ("cmp", "test"):
            self.store(one, 0, result)


ARITHMETIC: dict[str, Callable[[int, int, int], int]] = {
    "add": lambda a, b, _: a + b,
    "sub": lambda a, b, _: a - b,
    "cmp": lambda a, b, _: a - b,
    "and": lambda a, b, _: a & b,
    "test": lambda a, b, _: a & b,
    "or": lambda a, b, _: a | b,
    "xor": lambda a, b, _: a ^ b,
    "inc": lambda a, _b, _: a + 1,
    "dec": lambda a, _b, _: a - 1,
    "neg": lambda a, _b, _: -a,
    "not": lambda a, _b, bits: a ^ (1 << bits) - 1,
    "shl": lambda a, b, bits: a << (b & (63 if bits == 64 else 31)) & (1 << bits) - 1,
    "shr": lambda a, b, bits: a >> (b & (63 if bits == 64 else 31)),
}

CONDITIONS: dict[str, Callable[[Processor], bool]] = {
    "e": lambda p: p.zero,
    "ne": lambda p: not p.zero,
    "b": lambda p: p.carry,
    "ae": lambda p: not p.carry,
    "be": lambda p: p.carry or p.zero,
    "a": lambda p: not (p.carry or p.zero),
    "s": lambda p: p.sign,
    "ns": lambda p: not p.sign,
    "l": lambda p: p.sign != p.overflow,
    "ge": lambda p: p.sign == p.overflow,
    "le": lambda p: p.zero or p.sign != p.overflow,
    "g": lambda p: not p.zero and p.sign == p.overflow,
    "o": lambda p: p.overflow,
    "no": lambda p: not p.overflow,
}
