"""Extended processor state (x87, SSE, AVX, …): its size, and saving and loading it whole when vCPUs change places.

The monitor's own code uses none of it, so that it stays in the registers across exits.
"""

from __future__ import annotations

from codegen.lang import (
    Array,
    Field,
    Hva,
    Struct,
    at,
    cpuid,
    fn,
    read_cr4,
    storage,
    u16,
    u32,
    u64,
    view_at,
    write_cr4,
    xrstor64,
    xsave64,
    xsetbv,
)

CPUID_XSTATE = 0xD
CR4_FXSR = 1 << 9
CR4_SIMD_EXCEPTIONS = 1 << 10
CR4_OSXSAVE = 1 << 18
# x87, SSE, AVX, MPX (2), AVX-512 (3), PKRU: what guests may get. Others (AMX tiles) have rules of their own.
SUPPORTED = 0x2FF
FCW_INITIAL = 0x37F
MXCSR_INITIAL = 0x1F80


class XsaveArea(Struct, size=576, align=64):
    """The fixed part (SDM vol. 1, 13.4): legacy region and header; components follow."""

    fcw: Field[u16] = at(0)
    mxcsr: Field[u32] = at(24)
    legacy: Array[u64] = at(32, count=60)
    state_components: Field[u64] = at(512)
    compaction: Field[u64] = at(520)


class Xstate(Struct):
    """Of this machine."""

    mask: Field[u64]  # XCR0 of the host: all components that are supported
    area_bytes: Field[u32]  # of one area, standard form


XSTATE = storage(Xstate)


@fn(cold=True)
def xstate_start() -> None:
    """Switch XSAVE on with every supported component. The processor must have it (Features.xsave)."""
    write_cr4(read_cr4() | (CR4_FXSR | CR4_SIMD_EXCEPTIONS | CR4_OSXSAVE))
    low, _, _, high = cpuid(u32(CPUID_XSTATE), u32(0))
    XSTATE.mask = (u64(high) << 32 | u64(low)) & SUPPORTED
    xsetbv(u32(0), XSTATE.mask)
    _, size, _, _ = cpuid(u32(CPUID_XSTATE), u32(0))  # EBX: for the components that XCR0 enables now
    XSTATE.area_bytes = size


@fn
def xstate_initialise(area: Hva) -> None:
    """Make an area what a processor has after reset; components beyond SSE are left out, so they are initialised."""
    fixed = view_at(XsaveArea, area)
    fixed.zero()
    fixed.fcw = FCW_INITIAL
    fixed.mxcsr = MXCSR_INITIAL
    fixed.state_components = 1 << 0 | 1 << 1


@fn
def xstate_save(area: Hva) -> None:
    """All components, under the full mask: XCR0 must be the host's."""
    xsave64(area, XSTATE.mask)


@fn
def xstate_load(area: Hva) -> None:
    """All components, under the full mask; what the area does not hold is initialised."""
    xrstor64(area, XSTATE.mask)


@fn
def xstate_is_valid(value: u64) -> bool:
    """Whether XSETBV accepts this XCR0 (SDM vol. 1, 13.3): for guests."""
    if value & ~XSTATE.mask != 0 or value & 1 == 0:
        return False
    sse = value & 0x2 != 0
    avx = value & 0x4 != 0
    mpx = value & 0x18
    avx512 = value & 0xE0
    if avx and not sse:
        return False
    if mpx != 0 and mpx != 0x18:
        return False
    return avx512 == 0 or (avx512 == 0xE0 and avx)
