"""What belongs to one processor stays with it, over thousands of switches."""

from __future__ import annotations

from codegen.lang import (
    Array,
    Struct,
    address_of,
    at,
    cpuid,
    fn,
    range,
    rdmsr,
    read_cr2,
    read_cr4,
    read_dr0,
    read_dr1,
    read_dr2,
    read_dr3,
    storage_array,
    u32,
    u64,
    write_cr2,
    write_cr4,
    write_dr0,
    write_dr1,
    write_dr2,
    write_dr3,
    wrmsr,
    xrstor64,
    xsave64,
    xsetbv,
)
from tests.guests.check import check, checks_of
from tests.guests.smp.processor import COUNT, Processor
from tests.guests.smp.task import all_answer, give_all, task
from tests.guests.smp.wait import rest

CR4_OSXSAVE = 1 << 18
AVX = 1 << 28  # CPUID leaf 1, ECX
X87, SSE, YMM = 1, 2, 4
FS_BASE, KERNEL_GS_BASE = 0xC000_0100, 0xC000_0102
STAR, LSTAR, CSTAR, SFMASK, TSC_AUX = 0xC000_0081, 0xC000_0082, 0xC000_0083, 0xC000_0084, 0xC000_0103
SYSENTER_ESP, SYSENTER_EIP = 0x175, 0x176
CANONICAL = 0xFFFF_8000_0000_0000
SWITCHES = 1000
MXCSR = 0x1F80
XMM_WORD, YMM_WORD = 160 // 8, 576 // 8
VECTOR_WORDS = 32  # 16 registers of 16 bytes, or their upper halves


class Area(Struct, size=1024, align=64, shared=True):
    """An XSAVE area in standard form, up to the upper halves of YMM (SDM vol. 1, 13.4)."""

    words: Array[u64] = at(0, count=128)


WANTED = storage_array(Area, COUNT)
FOUND = storage_array(Area, COUNT)


@fn
def has_avx() -> bool:
    _, _, features, _ = cpuid(u32(1), u32(0))
    return features & AVX != 0


@fn
def vector_state() -> u64:
    return u64(SSE | YMM) if has_avx() else u64(SSE)


@fn
def pattern(index: u32, place: u32) -> u64:
    """A number of this processor's own."""
    return u64(index + 1) * 0x1111_1111_0000_0000 + u64(place)


@fn
def load_vectors(index: u32) -> None:
    write_cr4(read_cr4() | CR4_OSXSAVE)
    xsetbv(u32(0), vector_state() | X87)
    area = WANTED[index]
    area.zero()
    area.words[3] = MXCSR
    area.words[512 // 8] = vector_state()
    for i in range(u32(VECTOR_WORDS)):
        area.words[u32(XMM_WORD) + i] = pattern(index, i)
        if has_avx():
            area.words[u32(YMM_WORD) + i] = pattern(index, i + 100)
    xrstor64(address_of(area), vector_state())


@fn
def vectors_are_kept(index: u32) -> bool:
    area, wanted = FOUND[index], WANTED[index]
    xsave64(address_of(area), vector_state())
    kept = True
    for i in range(u32(VECTOR_WORDS)):
        kept = kept and area.words[u32(XMM_WORD) + i] == wanted.words[u32(XMM_WORD) + i]
        if has_avx():
            kept = kept and area.words[u32(YMM_WORD) + i] == wanted.words[u32(YMM_WORD) + i]
    return kept


@fn
def address(index: u32, place: u32) -> u64:
    return u64(CANONICAL) + (u64(index + 1) << 32) + u64(place)


@fn
def load_registers(index: u32) -> None:
    write_dr0(address(index, u32(0)))
    write_dr1(address(index, u32(1)))
    write_dr2(address(index, u32(2)))
    write_dr3(address(index, u32(3)))
    write_cr2(address(index, u32(4)))
    wrmsr(u32(FS_BASE), address(index, u32(5)))
    wrmsr(u32(KERNEL_GS_BASE), address(index, u32(6)))
    wrmsr(u32(LSTAR), address(index, u32(7)))
    wrmsr(u32(CSTAR), address(index, u32(8)))
    wrmsr(u32(SYSENTER_ESP), address(index, u32(9)))
    wrmsr(u32(SYSENTER_EIP), address(index, u32(10)))
    wrmsr(u32(STAR), pattern(index, u32(11)))
    wrmsr(u32(SFMASK), u64(index + 1) << 8)
    wrmsr(u32(TSC_AUX), u64(index + 50))


@fn
def registers_are_kept(index: u32) -> bool:
    return (
        read_dr0() == address(index, u32(0))
        and read_dr1() == address(index, u32(1))
        and read_dr2() == address(index, u32(2))
        and read_dr3() == address(index, u32(3))
        and read_cr2() == address(index, u32(4))
        and rdmsr(u32(FS_BASE)) == address(index, u32(5))
        and rdmsr(u32(KERNEL_GS_BASE)) == address(index, u32(6))
    )


@fn
def msrs_are_kept(index: u32) -> bool:
    return (
        rdmsr(u32(LSTAR)) == address(index, u32(7))
        and rdmsr(u32(CSTAR)) == address(index, u32(8))
        and rdmsr(u32(SYSENTER_ESP)) == address(index, u32(9))
        and rdmsr(u32(SYSENTER_EIP)) == address(index, u32(10))
        and rdmsr(u32(STAR)) == pattern(index, u32(11))
        and rdmsr(u32(SFMASK)) == u64(index + 1) << 8
        and rdmsr(u32(TSC_AUX)) == u64(index + 50)
    )


@fn
def vectors_stay(index: u32) -> bool:
    load_vectors(index)
    kept = True
    for _ in range(u32(SWITCHES)):
        rest()
        kept = vectors_are_kept(index) and kept
    return kept


@fn
def registers_stay(index: u32) -> bool:
    load_registers(index)
    kept = True
    for i in range(u32(SWITCHES)):
        rest()
        kept = registers_are_kept(index) and kept
        if i & 15 == 0:
            kept = msrs_are_kept(index) and kept
    return kept


@task
@fn
def keep_vectors(own: Processor, argument: u64) -> u64:
    return u64(vectors_stay(own.index))


@task
@fn
def keep_registers(own: Processor, argument: u64) -> u64:
    return u64(registers_stay(own.index))


@check
@fn
def vector_registers_stay_with_their_processor() -> bool:
    give_all(u32(keep_vectors.number), u64(0))
    kept = vectors_stay(u32(0))
    return all_answer(u64(1)) and kept


@check
@fn
def debug_registers_and_msrs_stay_with_their_processor() -> bool:
    give_all(u32(keep_registers.number), u64(0))
    kept = registers_stay(u32(0))
    return all_answer(u64(1)) and kept


CHECKS = checks_of(globals())
