"""The I/O and MSR permission maps (APM vol. 2, 15.10 and 15.11): one of each for all guests, everything intercepted but
the guest's own MSRs."""

from __future__ import annotations

from codegen.lang import Array, Field, Hpa, Struct, at, fn, phys, range, static, u8, u32, u64

IOPM_BYTES = 3 * 4096
MSRPM_BYTES = 2 * 4096
MAPS_FRAMES = 5
# MSRs that VMLOAD and VMSAVE switch: reads and writes go through.
FREE_MSRS = (
    0x174,
    0x175,
    0x176,
    0xC000_0081,
    0xC000_0082,
    0xC000_0083,
    0xC000_0084,
    0xC000_0100,
    0xC000_0101,
    0xC000_0102,
)


class PermissionMaps(Struct, size=MAPS_FRAMES * 4096, align=4096):
    """Both maps, one behind the other."""

    ports: Array[u64] = at(0, count=IOPM_BYTES // 8)
    msrs: Array[u8] = at(IOPM_BYTES, count=MSRPM_BYTES)


class MapsPlace(Struct):
    """Where the maps lie."""

    base: Field[Hpa]


def msr_position(msr: int) -> tuple[int, int]:
    """Byte and mask of the two bits of an MSR: 0-1FFFH, C0000000H-, C0010000H- at 0, 800H and 1000H."""
    base = {0x0000_0000: 0, 0xC000_0000: 0x800, 0xC001_0000: 0x1000}[msr & 0xFFFF_E000]
    number = msr & 0x1FFF
    return base + number // 4, 3 << (number % 4 * 2)


POSITIONS = tuple(msr_position(msr) for msr in FREE_MSRS)


@fn(cold=True)
def fill_permission_maps(base: Hpa) -> None:
    """Fill MAPS_FRAMES frames at `base`."""
    maps = phys(PermissionMaps, base)
    for i in range(u32(IOPM_BYTES // 8)):
        maps.ports[i] = 0xFFFF_FFFF_FFFF_FFFF
    for i in range(u32(MSRPM_BYTES)):
        maps.msrs[i] = 0xFF
    for byte, mask in static(POSITIONS):
        maps.msrs[byte] = maps.msrs[byte] & static(0xFF & ~mask)
