from __future__ import annotations

import random
from typing import Any

import capstone
import pytest
from capstone import x86

from codegen.lang import storage
from hypervisor.exits.decode.mmio import MmioInstruction, MmioOperation, decode_mmio
from hypervisor.exits.decode.snapshot import Snapshot
from tests.played_guest.machine import in_cpython, natively

CODE = storage(Snapshot)
FOUND = storage(MmioInstruction)
CAPSTONE = {
    bits: capstone.Cs(capstone.CS_ARCH_X86, mode)
    for bits, mode in ((16, capstone.CS_MODE_16), (32, capstone.CS_MODE_32), (64, capstone.CS_MODE_64))
}
for engine in CAPSTONE.values():
    engine.detail = True
LEGACY = (0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65, 0x66, 0x67, 0xF0, 0xF2, 0xF3)
OPCODES = (
    *(b"\x88\x89\x8a\x8b\x86\x87\x84\x85\xc6\xc7\xf6\xf7\x80\x81\x83\xa0\xa1\xa2\xa3\xaa\xab"),
    *(base | low for base in range(0, 0x40, 8) for low in range(4)),
)
NAMES = {
    MmioOperation.LOAD: {"mov", "movabs"},
    MmioOperation.STORE: {"mov", "movabs"},
    MmioOperation.LOAD_ZERO_EXTENDED: {"movzx"},
    MmioOperation.LOAD_SIGN_EXTENDED: {"movsx"},
    MmioOperation.EXCHANGE: {"xchg"},
    MmioOperation.STORE_STRING: {f"{rep}stos{size}" for rep in ("", "rep ") for size in "bwdq"},
}
COMBINES = ("add", "or", "adc", "sbb", "and", "sub", "xor", "cmp", "test", "bt")
HIGH = ("ah", "ch", "dh", "bh")


def decode(code: bytes, bits: int, run: Any = in_cpython) -> bool:
    CODE.zero()
    FOUND.zero()
    for i, byte in enumerate(code[:15]):
        CODE.bytes[i] = byte
    CODE.count = min(len(code), 15)
    CODE.long, CODE.default_32 = bits == 64, bits >= 32
    accepted: bool = run(decode_mmio, CODE, FOUND)
    return accepted


def outcome(code: bytes, bits: int, run: Any) -> tuple[object, ...]:
    """What decoding leaves behind."""
    return decode(code, bits, run), FOUND.length, FOUND.width, FOUND.register, FOUND.value, FOUND.high_byte


def register_name(number: int, width: int, high: bool) -> str:
    if high:
        return HIGH[number]
    if number >= 8:
        return f"r{number}" + {1: "b", 2: "w", 4: "d", 8: ""}[width]
    stem = ("ax", "cx", "dx", "bx", "sp", "bp", "si", "di")[number]
    if width == 1:
        return stem[0] + "l" if number < 4 else stem + "l"
    return {2: "", 4: "e", 8: "r"}[width] + stem


def check_against_capstone(code: bytes, bits: int) -> None:
    """What was accepted is what capstone reads, too."""
    listed = next(CAPSTONE[bits].disasm(code[:15], 0, 1), None)
    assert listed is not None, f"{code.hex()}: capstone has no instruction"
    assert FOUND.length == listed.size, f"{code.hex()}: {listed.mnemonic} {listed.op_str}"
    operation, width = FOUND.operation, int(FOUND.width)
    if operation in (MmioOperation.COMBINE_MEMORY, MmioOperation.COMBINE_REGISTER):
        assert listed.mnemonic == COMBINES[FOUND.combine.value]
    else:
        assert listed.mnemonic in NAMES[operation]
    memory = [o for o in listed.operands if o.type == x86.X86_OP_MEM]
    assert len(memory) == 1 and memory[0].size == width
    assert listed.addr_size == FOUND.address_size
    if operation == MmioOperation.STORE_STRING:
        return
    immediates = [o for o in listed.operands if o.type == x86.X86_OP_IMM]
    assert bool(immediates) == FOUND.immediate
    mask = 0xFF if listed.mnemonic == "bt" else (1 << 8 * width) - 1
    if immediates:
        assert immediates[0].imm & mask == int(FOUND.value) & mask
    else:
        (register,) = (o for o in listed.operands if o.type == x86.X86_OP_REG)
        assert register.size == FOUND.register_width
        expected = register_name(int(FOUND.register), register.size, FOUND.high_byte)
        assert listed.reg_name(register.reg) == expected, f"{code.hex()}: {listed.mnemonic} {listed.op_str}"


def likely(source: random.Random, bits: int) -> bytes:
    """An encoding near the list: prefixes in any order, a known opcode, random rest."""
    prefixes = bytes(source.choice(LEGACY) for _ in range(source.choice((0, 0, 0, 1, 1, 2, 3))))
    if bits == 64 and source.random() < 0.6:
        prefixes += bytes([0x40 | source.randrange(16)])
    if source.random() < 0.2:
        opcode = bytes([0x0F, source.choice((0xB6, 0xB7, 0xBE, 0xBF, 0xBA, source.randrange(256)))])
    else:
        opcode = bytes([source.choice(OPCODES) if source.random() < 0.9 else source.randrange(256)])
    return (prefixes + opcode + source.randbytes(15))[:15]


@pytest.mark.parametrize("bits", [16, 32, 64])
def test_what_is_accepted_is_what_capstone_reads(bits):
    source = random.Random(bits)
    accepted = 0
    for _ in range(2500):
        code = likely(source, bits)
        if decode(code, bits):
            accepted += 1
            check_against_capstone(code, bits)
    assert accepted > 300


@pytest.mark.parametrize("bits", [16, 32, 64])
def test_native_code_decodes_as_cpython_does(bits):
    source = random.Random(bits + 1)
    for _ in range(400):
        code = likely(source, bits)
        assert outcome(code, bits, natively) == outcome(code, bits, in_cpython)


@pytest.mark.parametrize("bits", [16, 32, 64])
def test_random_bytes_never_trap(bits):
    source = random.Random(bits + 2)
    for _ in range(1500):
        decode(source.randbytes(source.randrange(16)), bits)


@pytest.mark.parametrize("bits", [16, 32, 64])
def test_a_truncated_instruction_is_refused(bits):
    source = random.Random(bits + 3)
    for _ in range(600):
        code = likely(source, bits)
        if decode(code, bits):
            length = int(FOUND.length)
            for short in range(length):
                assert not decode(code[:short], bits)
            assert decode(code[:length], bits)


def test_more_than_15_bytes_are_refused():
    assert decode(b"\x2e" * 9 + b"\x89\x04\x25\x00\x00\x00"[:6], 64) is False
    assert decode(b"\x2e" * 8 + b"\x89\x04\x25\x00\x00\x00\x00", 64)
    assert not decode(b"\x2e" * 9 + b"\x89\x04\x25\x00\x00\x00\x00", 64)
    assert not decode(b"\x66" * 15, 32)


@pytest.mark.parametrize(
    "code",
    [
        "f08908",  # LOCK MOV
        "f00108",  # LOCK ADD
        "f38908",  # REP MOV
        "f28908",
        "f2aa",  # REPNE STOS
        "89c8",  # a register operand
        "c7c000000000",
        "c70800000000",  # C7 /1
        "f710",  # NOT
        "a4",  # MOVS
        "0fb108",  # CMPXCHG
        "0fc108",  # XADD
        "0f1100",  # MOVUPS
        "c5f81100",  # VMOVUPS
        "8f00",  # POP
        "ff00",  # INC
        "d100",  # ROL
        "6800000000",
    ],
)
def test_what_is_not_on_the_list_is_refused(code):
    assert not decode(bytes.fromhex(code).ljust(15, b"\0"), 64)


def test_a_rex_before_another_prefix_counts_for_nothing():
    assert decode(bytes.fromhex("48668908").ljust(15, b"\0"), 64)
    assert (FOUND.width, FOUND.length) == (2, 4)
    assert decode(bytes.fromhex("66488908").ljust(15, b"\0"), 64)
    assert (FOUND.width, FOUND.length) == (8, 4)
