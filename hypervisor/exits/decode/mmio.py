"""Instructions with one memory operand in a device window: what they do with it. Others are refused."""

from __future__ import annotations

from codegen.lang import Field, HwEnum, Struct, fn, min, u8, u32, u64
from hypervisor.exits.decode.modrm import ModRm, take_modrm
from hypervisor.exits.decode.prefixes import Prefixes, address_bytes, operand_bytes, take_prefixes
from hypervisor.exits.decode.snapshot import Snapshot


class MmioOperation(HwEnum, repr=u32):
    """What the instruction does with its memory operand."""

    LOAD = 1  # register = memory
    STORE = 2  # memory = source
    LOAD_ZERO_EXTENDED = 3
    LOAD_SIGN_EXTENDED = 4
    COMBINE_REGISTER = 5  # register = register op memory
    COMBINE_MEMORY = 6  # memory = memory op source
    EXCHANGE = 7
    STORE_STRING = 8  # STOS


class Combine(HwEnum, repr=u32):
    """Arithmetic of the 00-3F block and group 1, in the order of the opcode's digit; TEST and BIT_TEST are ours."""

    ADD = 0
    OR = 1
    ADC = 2
    SBB = 3
    AND = 4
    SUB = 5
    XOR = 6
    CMP = 7
    TEST = 8
    BIT_TEST = 9  # BT with an immediate, which stays within the operand


class MmioInstruction(Struct):
    """A decoded instruction."""

    operation: Field[MmioOperation]
    combine: Field[Combine]
    width: Field[u32]  # bytes of the memory operand
    register_width: Field[u32]  # bytes of the register operand
    register: Field[u32]  # general register number
    high_byte: Field[bool]  # AH CH DH BH: bits 15:8 of `register`
    immediate: Field[bool]  # the source is `value`, not the register
    value: Field[u64]
    length: Field[u32]
    repeat: Field[bool]
    address_size: Field[u32]


@fn
def decode_mmio(code: Snapshot, into: MmioInstruction) -> bool:
    """Decode; False when the encoding is not on the list or not all of it could be read."""
    p = take_prefixes(code)
    if p.lock or p.repeat_not:
        return False
    into.repeat = p.repeat
    into.address_size = address_bytes(code, p)
    opcode = code.next()
    known = decode_two_byte(code, p, into) if opcode == 0x0F else decode_one_byte(code, p, opcode, into)
    if not known or code.overrun or (p.repeat and into.operation != MmioOperation.STORE_STRING):
        return False
    into.length = code.position
    return True


@fn
def decode_one_byte(code: Snapshot, p: Prefixes, opcode: u8, into: MmioInstruction) -> bool:
    """Opcodes without an escape. Bit 0 tells byte operands from wider ones in all of them."""
    width = u32(1) if opcode & 1 == 0 else operand_bytes(code, p)
    into.width = width
    into.register_width = width
    match opcode:
        case 0x88 | 0x89:
            return with_register(code, p, into, MmioOperation.STORE)
        case 0x8A | 0x8B:
            return with_register(code, p, into, MmioOperation.LOAD)
        case 0x86 | 0x87:
            return with_register(code, p, into, MmioOperation.EXCHANGE)
        case 0x84 | 0x85:
            into.combine = Combine.TEST
            return with_register(code, p, into, MmioOperation.COMBINE_MEMORY)
        case 0xC6 | 0xC7:
            return with_immediate(code, p, into, MmioOperation.STORE, width) == 0
        case 0xF6 | 0xF7:
            into.combine = Combine.TEST
            return (
                with_immediate(code, p, into, MmioOperation.COMBINE_MEMORY, width) <= 1
            )  # TEST; the others have no immediate
        case 0x80 | 0x81 | 0x83:
            size = u32(1) if opcode == 0x83 else width
            digit = with_immediate(code, p, into, MmioOperation.COMBINE_MEMORY, size)
            into.combine = Combine.checked(u32(digit & 7))
            return digit <= 7
        case 0xA0 | 0xA1:
            return with_offset(code, into, MmioOperation.LOAD)
        case 0xA2 | 0xA3:
            return with_offset(code, into, MmioOperation.STORE)
        case 0xAA | 0xAB:
            into.operation = MmioOperation.STORE_STRING
            into.register = u32(0)
            return True
        case _:
            return decode_arithmetic(code, p, opcode, into)


@fn
def decode_arithmetic(code: Snapshot, p: Prefixes, opcode: u8, into: MmioInstruction) -> bool:
    """The 00-3B block: ADD OR ADC SBB AND SUB XOR CMP between a register and memory."""
    if opcode >= 0x40 or opcode & 4 != 0:
        return False
    into.combine = Combine.checked(u32(opcode >> 3))
    if opcode & 2 != 0:
        return with_register(code, p, into, MmioOperation.COMBINE_REGISTER)
    return with_register(code, p, into, MmioOperation.COMBINE_MEMORY)


@fn
def decode_two_byte(code: Snapshot, p: Prefixes, into: MmioInstruction) -> bool:
    """MOVZX, MOVSX, and BT by an immediate, which compilers make of a test of one bit."""
    opcode = code.next()
    into.width = u32(1) if opcode & 1 == 0 else u32(2)
    into.register_width = operand_bytes(code, p)
    match opcode:
        case 0xB6 | 0xB7:
            return extending(code, p, into, MmioOperation.LOAD_ZERO_EXTENDED)
        case 0xBE | 0xBF:
            return extending(code, p, into, MmioOperation.LOAD_SIGN_EXTENDED)
        case 0xBA:
            into.width = operand_bytes(code, p)
            into.combine = Combine.BIT_TEST
            return with_immediate(code, p, into, MmioOperation.COMBINE_MEMORY, u32(1)) == 4
        case _:
            return False


@fn
def with_register(code: Snapshot, p: Prefixes, into: MmioInstruction, operation: MmioOperation) -> bool:
    """A ModRM form whose other operand is a general register."""
    modrm = take_modrm(code, p)
    into.operation = operation
    set_register(into, p, modrm, into.width)
    return modrm.is_memory


@fn
def extending(code: Snapshot, p: Prefixes, into: MmioInstruction, operation: MmioOperation) -> bool:
    """MOVZX and MOVSX: the target is never a byte register."""
    modrm = take_modrm(code, p)
    into.operation = operation
    set_register(into, p, modrm, into.register_width)
    return modrm.is_memory


@fn
def set_register(into: MmioInstruction, p: Prefixes, modrm: ModRm, width: u32) -> None:
    """The register operand; without REX the byte registers 4 to 7 are AH CH DH BH."""
    into.register = u32(modrm.register)
    into.high_byte = width == 1 and not p.rex and modrm.register >= 4
    if into.high_byte:
        into.register = u32(modrm.register) - 4


@fn
def with_immediate(code: Snapshot, p: Prefixes, into: MmioInstruction, operation: MmioOperation, size: u32) -> u8:
    """A ModRM form with an immediate of `size` bytes (at most 4, sign-extended); the opcode's digit, or 0xFF
    for a register operand, which never leaves the guest."""
    modrm = take_modrm(code, p)
    into.operation = operation
    into.immediate = True
    into.value = code.immediate(min(size, u32(4)))
    return modrm.digit if modrm.is_memory else u8(0xFF)


@fn
def with_offset(code: Snapshot, into: MmioInstruction, operation: MmioOperation) -> bool:
    """MOV between the accumulator and an absolute address."""
    into.operation = operation
    into.register = u32(0)
    code.skip(into.address_size)
    return True
