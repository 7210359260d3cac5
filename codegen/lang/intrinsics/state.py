"""Extended processor state: FXSAVE, XSAVE and XCR0. The host model marks areas as saved; it has no vector registers."""

from __future__ import annotations

from codegen.lang import host, memory
from codegen.lang.addresses import Hva
from codegen.lang.ints import u32, u64
from codegen.lang.routines import fn, intrinsic

_FXSAVE_SIZE = 512
_XSTATE_BV = 512


@fn
def xgetbv(index: u32) -> u64:
    """XCR0 for index 0; #GP for others that do not exist."""
    low, high = xgetbv_parts(index)
    return u64(high) << 32 | u64(low)


@fn
def xsetbv(index: u32, value: u64) -> None:
    """#GP for a combination that XCR0 does not take (SDM vol. 1, 13.3)."""
    xsetbv_parts(index, u32.trunc(value), u32.trunc(value >> 32))


@fn
def xsave64(area: Hva, mask: u64) -> None:
    """Save the components of `mask` that XCR0 enables; `area` is aligned to 64 bytes."""
    xsave64_parts(area, u32.trunc(mask), u32.trunc(mask >> 32))


@fn
def xrstor64(area: Hva, mask: u64) -> None:
    """Restore the components of `mask` that XCR0 enables; `area` is aligned to 64 bytes. #GP for a malformed header."""
    xrstor64_parts(area, u32.trunc(mask), u32.trunc(mask >> 32))


@intrinsic("fxsave64 ($0)", "r,~{memory}")
def fxsave64(area: Hva) -> None:
    """x87 and SSE state to 512 bytes aligned to 16."""
    memory.write(int(area), bytes(_FXSAVE_SIZE))


@intrinsic("fxrstor64 ($0)", "r,~{memory}")
def fxrstor64(area: Hva) -> None:
    """x87 and SSE state from 512 bytes aligned to 16."""
    memory.read(int(area), _FXSAVE_SIZE)


@intrinsic("xgetbv", "={ax},={dx},{cx},~{memory}")
def xgetbv_parts(index: u32) -> tuple[u32, u32]:
    if index != 0:
        raise host.GeneralProtection(f"xgetbv {int(index)}")
    value = u64(host.cpu.xcr0)
    return u32.trunc(value), u32.trunc(value >> 32)


@intrinsic("xsetbv", "{cx},{ax},{dx},~{memory}")
def xsetbv_parts(index: u32, low: u32, high: u32) -> None:
    if index != 0:
        raise host.GeneralProtection(f"xsetbv {int(index)}")
    host.cpu.xsetbv(int(high) << 32 | int(low))


@intrinsic("xsave64 ($0)", "r,{ax},{dx},~{memory}")
def xsave64_parts(area: Hva, low: u32, high: u32) -> None:
    saved = (int(high) << 32 | int(low)) & host.cpu.xcr0
    header = int(area) + _XSTATE_BV
    kept = int.from_bytes(memory.read(header, 8), "little") & ~(int(high) << 32 | int(low))
    memory.write(header, (kept | saved).to_bytes(8, "little"))


@intrinsic("xrstor64 ($0)", "r,{ax},{dx},~{memory}")
def xrstor64_parts(area: Hva, low: u32, high: u32) -> None:
    if int.from_bytes(memory.read(int(area) + _XSTATE_BV, 8), "little") & ~host.cpu.xcr0:
        raise host.GeneralProtection("xrstor64 of a component that XCR0 does not enable")
