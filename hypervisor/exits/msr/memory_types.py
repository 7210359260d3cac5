"""MTRRs: kept as the guest writes them; the guest's PAT and the second-level tables decide what the memory is."""

from __future__ import annotations

from codegen.lang import fn, static, u32, u64
from hypervisor.exits.msr.constants import constant, refuse_write
from hypervisor.exits.msr.policy import msr
from hypervisor.vcpu.msr_state import MTRR_VARIABLE
from hypervisor.vcpu.vcpu import Vcpu

MTRRCAP, VARIABLE_FIRST, DEFAULT_TYPE = 0xFE, 0x200, 0x2FF
FIXED = (0x250, 0x258, 0x259, 0x268, 0x269, 0x26A, 0x26B, 0x26C, 0x26D, 0x26E, 0x26F)
CAPABILITY = MTRR_VARIABLE | 1 << 8 | 1 << 10  # fixed ranges, write combining
PHYSICAL_ADDRESS_BITS = 52


@fn
def memory_type_is_valid(kind: u64) -> bool:
    """UC, WC, WT, WP, WB (SDM vol. 3A, table 12-8)."""
    return kind == 0 or kind == 1 or (kind >= 4 and kind <= 6)


@fn
def read_variable(vcpu: Vcpu, number: u32) -> u64 | None:
    """A base (even) or mask (odd)."""
    return vcpu.msrs.mtrr_variable[number - VARIABLE_FIRST]


@fn
def write_variable(vcpu: Vcpu, number: u32, value: u64) -> bool:
    """Reserved bits and unknown types are #GP."""
    if value >> PHYSICAL_ADDRESS_BITS != 0:
        return False
    if number & 1 == 0:
        if value & 0xF00 != 0 or not memory_type_is_valid(value & 0xFF):
            return False
    elif value & 0x7FF != 0:
        return False
    vcpu.msrs.mtrr_variable[number - VARIABLE_FIRST] = value
    return True


@fn
def fixed_index(number: u32) -> u32:
    """Position of a fixed-range MTRR in `mtrr_fixed`."""
    if number == 0x250:
        return u32(0)
    if number < 0x260:
        return number - 0x258 + 1
    return number - 0x268 + 3


@fn
def read_fixed(vcpu: Vcpu, number: u32) -> u64 | None:
    """Eight types for eight ranges."""
    return vcpu.msrs.mtrr_fixed[fixed_index(number)]


@fn
def write_fixed(vcpu: Vcpu, number: u32, value: u64) -> bool:
    """Each byte is a memory type."""
    for shift in static(range(0, 64, 8)):
        if not memory_type_is_valid((value >> shift) & 0xFF):
            return False
    vcpu.msrs.mtrr_fixed[fixed_index(number)] = value
    return True


@fn
def read_default_type(vcpu: Vcpu, number: u32) -> u64 | None:
    """IA32_MTRR_DEF_TYPE."""
    return vcpu.msrs.mtrr_default


@fn
def write_default_type(vcpu: Vcpu, number: u32, value: u64) -> bool:
    """Type, FE and E; the rest is reserved."""
    if value & ~0xCFF != 0 or not memory_type_is_valid(value & 0xFF):
        return False
    vcpu.msrs.mtrr_default = value
    return True


msr(MTRRCAP, constant(CAPABILITY), refuse_write)
msr(VARIABLE_FIRST, read_variable, write_variable, count=2 * MTRR_VARIABLE)
for _number in FIXED:
    msr(_number, read_fixed, write_fixed)
msr(DEFAULT_TYPE, read_default_type, write_default_type)
