"""General registers by number and width, as instructions name them."""

from __future__ import annotations

from codegen.lang import fn, overlay, u32, u64
from hypervisor.exits.arithmetic import width_bits
from hypervisor.vcpu.contract import vcpu_rsp, vcpu_set_rsp
from hypervisor.vcpu.vcpu import RegisterFile, Vcpu

RSP = 4


@fn
def read_whole(vcpu: Vcpu, number: u32) -> u64:
    """All 64 bits of register 0 to 15."""
    if number == RSP:
        return vcpu_rsp(vcpu)
    return overlay(RegisterFile, vcpu.regs).by_number[number & 15]


@fn
def write_whole(vcpu: Vcpu, number: u32, value: u64) -> None:
    """Replace all 64 bits of register 0 to 15."""
    if number == RSP:
        vcpu_set_rsp(vcpu, value)
        return
    overlay(RegisterFile, vcpu.regs).by_number[number & 15] = value


@fn
def read_register(vcpu: Vcpu, number: u32, width: u32, high_byte: bool) -> u64:
    """The low `width` bytes of a register (1, 2, 4, 8), or bits 15:8 for AH CH DH BH."""
    value = read_whole(vcpu, number)
    if high_byte:
        return (value >> 8) & 0xFF
    return value & width_bits(width)


@fn
def write_register(vcpu: Vcpu, number: u32, width: u32, high_byte: bool, value: u64) -> None:
    """Write as an instruction of that width does: 4 bytes clear the upper half, 1 and 2 keep the rest."""
    if width == 8:
        write_whole(vcpu, number, value)
    elif width == 4:
        write_whole(vcpu, number, value & 0xFFFF_FFFF)
    elif high_byte:
        write_whole(vcpu, number, read_whole(vcpu, number) & ~0xFF00 | (value & 0xFF) << 8)
    else:
        mask = width_bits(width)
        write_whole(vcpu, number, read_whole(vcpu, number) & ~mask | value & mask)


@fn
def merge_index(old: u64, value: u64, size: u32) -> u64:
    """A new index or count register for an address size of 2, 4 or 8 bytes: 16-bit forms keep the upper bits."""
    if size == 2:
        return old & ~0xFFFF | value & 0xFFFF
    return value & width_bits(size)
