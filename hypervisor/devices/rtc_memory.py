"""The CMOS bytes in which a BIOS tells how much RAM there is (IBM AT; RBIL, CMOS 15H to 18H, 34H and 5BH)."""

from __future__ import annotations

from codegen.lang import fn, min, u8, u32, u64
from drivers.timer.rtc import (
    CMOS_BASE_MEMORY,
    CMOS_EQUIPMENT,
    CMOS_EXTENDED_MEMORY,
    CMOS_EXTENDED_MEMORY_COPY,
    CMOS_MEMORY_ABOVE_4G,
    CMOS_MEMORY_ABOVE_16M,
)
from hypervisor.devices.rtc_time import CmosRam

BASE_MEMORY_KIB = 640
EQUIPMENT = 0x02  # a floating-point unit, no floppy drive, no CGA or MDA
MIB = 1 << 20


@fn(cold=True)
def cmos_describe_memory(ram: CmosRam, below_4g: u64, above_4g: u64) -> None:
    """`below_4g` is where RAM ends below 4 GiB, `above_4g` how much there is above, in bytes."""
    ram.bytes[CMOS_EQUIPMENT] = EQUIPMENT
    store(ram, u32(CMOS_BASE_MEMORY), u64(BASE_MEMORY_KIB))
    extended = min(below_4g.saturating_sub(u64(MIB)) >> 10, u64(0xFFFF))
    store(ram, u32(CMOS_EXTENDED_MEMORY), extended)
    store(ram, u32(CMOS_EXTENDED_MEMORY_COPY), extended)
    store(ram, u32(CMOS_MEMORY_ABOVE_16M), min(below_4g.saturating_sub(u64(16 * MIB)) >> 16, u64(0xFFFF)))
    store(ram, u32(CMOS_MEMORY_ABOVE_4G), above_4g >> 16 & 0xFFFF)
    ram.bytes[CMOS_MEMORY_ABOVE_4G + 2] = u8.trunc(above_4g >> 32)


@fn(cold=True)
def store(ram: CmosRam, index: u32, value: u64) -> None:
    """Sixteen bits, low byte first."""
    ram.bytes[index & 0x7F] = u8.trunc(value)
    ram.bytes[index + 1 & 0x7F] = u8.trunc(value >> 8)
