"""MSRs of one vCPU that the monitor keeps as plain values: no hardware register stands behind them."""

from __future__ import annotations

from codegen.lang import Array, Field, Gpa, Struct, count, fn, range, u64

MTRR_VARIABLE = 8
MTRR_FIXED = 11
MTRR_DEFAULT_WRITE_BACK = 0xC06  # enabled, fixed ranges enabled, default type WB: as firmware leaves it
MTRR_FIXED_WRITE_BACK = 0x0606_0606_0606_0606
MISC_ENABLE_RESET = 1  # fast strings


class MsrState(Struct):
    """Reset values: `reset_msrs`."""

    mtrr_default: Field[u64]
    mtrr_fixed: Array[u64] = count(MTRR_FIXED)
    mtrr_variable: Array[u64] = count(2 * MTRR_VARIABLE)  # base, mask, base, mask, …
    misc_enable: Field[u64]
    tsc_adjust: Field[u64]
    mcg_status: Field[u64]
    clock_page: Field[u64]  # KVM system-time MSR as written; bit 0 enables
    wall_clock: Field[Gpa]


@fn
def reset_msrs(state: MsrState) -> None:
    """As firmware leaves them before it starts an operating system."""
    state.zero()
    state.mtrr_default = MTRR_DEFAULT_WRITE_BACK
    for i in range(MTRR_FIXED):
        state.mtrr_fixed[i] = MTRR_FIXED_WRITE_BACK
    state.misc_enable = MISC_ENABLE_RESET
