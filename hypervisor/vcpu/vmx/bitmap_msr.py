"""The MSR bitmap: which MSRs a guest reads and writes without an exit (SDM vol. 3C, 25.6.9)."""

from __future__ import annotations

from codegen.lang import Hpa, fn, phys_span, static, u8, u64
from hypervisor.vcpu.vmx import msr_index

READ_LOW = 0  # bytes: MSRs 0 to 1FFFh
READ_HIGH = 1024  # MSRs C0000000h to C0001FFFh
WRITE_LOW = 2048
WRITE_HIGH = 3072

# The processor switches these with the VMCS or keeps them while the vCPU is loaded; it refuses bad values itself
# (#GP for an address that is not canonical). EFER and PAT stay with us: modes depend on one, the other has rules.
PASSED_THROUGH = (
    msr_index.IA32_SYSENTER_CS,
    msr_index.IA32_SYSENTER_ESP,
    msr_index.IA32_SYSENTER_EIP,
    msr_index.IA32_STAR,
    msr_index.IA32_LSTAR,
    msr_index.IA32_CSTAR,
    msr_index.IA32_FMASK,
    msr_index.IA32_FS_BASE,
    msr_index.IA32_GS_BASE,
    msr_index.IA32_KERNEL_GS_BASE,
)


def cleared_bytes(msrs: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    """The bytes of the bitmap that are not FFh, as (offset, value)."""
    bitmap: dict[int, int] = {}
    for msr in msrs:
        high = msr >= 0xC000_0000
        for area in (READ_HIGH, WRITE_HIGH) if high else (READ_LOW, WRITE_LOW):
            offset = area + (msr & 0x1FFF) // 8
            bitmap[offset] = bitmap.get(offset, 0xFF) & ~(1 << msr % 8)
    return tuple(sorted(bitmap.items()))


CLEARED = cleared_bytes(PASSED_THROUGH)


@fn(cold=True)
def fill_msr_bitmap(frame: Hpa) -> None:
    """Every MSR exits, but for those passed through."""
    bitmap = phys_span(frame, u64(4096))
    bitmap.fill(u8(0xFF))
    for offset, value in static(CLEARED):
        bitmap[offset] = value
