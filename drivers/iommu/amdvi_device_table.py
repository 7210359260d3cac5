"""The device table: for each requester ID a domain, or nothing (AMD IOMMU 3.05, 2.2.2)."""

from __future__ import annotations

from codegen.lang import Hpa, fn, phys, range, u8, u16, u32, u64
from drivers.iommu.amdvi_tables import (
    DEVICE_TABLE_BYTES,
    EMPTY,
    LEVELS,
    AmdviDeviceDomain,
    AmdviDeviceEntry,
    AmdviDeviceLow,
)
from drivers.iommu.table import WalkedTable

ENTRY_BYTES = 32
MESSAGES_MASK = 0xC7  # INIT, ExtINT, NMI, LINT0, LINT1, where word 2 has them


@fn
def device_entry(device_table: Hpa, requester: u16) -> AmdviDeviceEntry:
    """One device's."""
    return phys(AmdviDeviceEntry, device_table + u64(requester) * ENTRY_BYTES)


@fn(cold=True)
def amdvi_deny_all(device_table: Hpa, nowhere: Hpa) -> None:
    """A zeroed device table: an entry that is not valid lets everything through. `nowhere`: an empty page table."""
    for number in range(u32(DEVICE_TABLE_BYTES // ENTRY_BYTES)):
        amdvi_deny(device_table, u16(number), nowhere)


@fn(cold=True)
def amdvi_deny(device_table: Hpa, requester: u16, nowhere: Hpa) -> None:
    """The device reaches nothing, once the units have forgotten its entry and then its domain. By its missing rights:
    so the refusal is logged also by units that log no walk that ends early."""
    place = device_entry(device_table, requester)
    place.low = AmdviDeviceLow(valid=True, translated=True, levels=u8(LEVELS), frame=u64(nowhere) >> 12)
    place.domain = place.domain.replace(domain=u16(0))


@fn(cold=True)
def amdvi_allow(device_table: Hpa, requester: u16, domain: u16, page_table: Hpa) -> None:
    """The device translates by `page_table`, once the units have forgotten its entry. Rights come last."""
    place = device_entry(device_table, requester)
    place.domain = place.domain.replace(domain=domain)
    place.low = AmdviDeviceLow(
        valid=True, translated=True, levels=u8(LEVELS), frame=u64(page_table) >> 12, read=True, write=True
    )


@fn(cold=True)
def amdvi_pass_messages(device_table: Hpa, first: u16, last: u16, setting: u8) -> None:
    """Before the start: what IVHD says of system messages (table 77): they are no DMA, and the chipset needs them."""
    for number in range(u32(first), u32(last) + 1):
        place = device_entry(device_table, u16(number))
        place.domain = AmdviDeviceDomain(system_messages=setting >> 4 & 3)
        place.interrupts = u64(setting & MESSAGES_MASK) << 56


@fn(cold=True)
def amdvi_clear_table(table: Hpa) -> None:
    """A page table in which nothing is present."""
    for i in range(512):
        phys(WalkedTable, table).words[i] = EMPTY
