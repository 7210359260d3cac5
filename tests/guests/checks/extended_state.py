"""XSETBV and the instructions that it allows."""

from __future__ import annotations

from codegen.lang import cpuid, fn, intrinsic, read_cr4, u32, u64, write_cr4, xgetbv, xsetbv
from tests.guests.check import check, checks_of
from tests.guests.trapped import came, expect, nothing_came

CR4_OSXSAVE = 1 << 18
XSAVE, OSXSAVE = 1 << 26, 1 << 27
X87, SSE, AVX = 1, 2, 4
GP, INSTRUCTION = 13, 3


@intrinsic("xsetbv", "{cx},{ax},{dx},~{memory}")
def xsetbv_parts(index: u32, low: u32, high: u32) -> None:
    """XSETBV with nothing around it."""
    raise NotImplementedError


@check
@fn
def osxsave_in_cpuid_follows_cr4() -> bool:
    old = read_cr4()
    _, _, without, _ = cpuid(u32(1), u32(0))
    write_cr4(old | CR4_OSXSAVE)
    _, _, with_it, _ = cpuid(u32(1), u32(0))
    write_cr4(old)
    return without & OSXSAVE == 0 and with_it & (XSAVE | OSXSAVE) == XSAVE | OSXSAVE


@check
@fn
def xcr0_keeps_what_is_allowed() -> bool:
    old = read_cr4()
    write_cr4(old | CR4_OSXSAVE)
    expect(u64(INSTRUCTION))
    xsetbv(u32(0), u64(X87 | SSE))
    found = xgetbv(u32(0))
    xsetbv(u32(0), u64(X87))
    restored = xgetbv(u32(0))
    write_cr4(old)
    return nothing_came() and found == X87 | SSE and restored == X87


@check
@fn
def xcr0_refuses_what_hardware_refuses() -> bool:
    old = read_cr4()
    write_cr4(old | CR4_OSXSAVE)
    expect(u64(INSTRUCTION))
    xsetbv_parts(u32(0), u32(X87 | AVX), u32(0))
    without_sse = came(u32(GP), u64(0))
    expect(u64(INSTRUCTION))
    xsetbv_parts(u32(0), u32(0), u32(0))
    without_x87 = came(u32(GP), u64(0))
    expect(u64(INSTRUCTION))
    xsetbv_parts(u32(1), u32(X87), u32(0))
    other_register = came(u32(GP), u64(0))
    kept = xgetbv(u32(0))
    write_cr4(old)
    return without_sse and without_x87 and other_register and kept == X87


CHECKS = checks_of(globals())
