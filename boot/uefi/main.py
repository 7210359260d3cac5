"""BOOTX64.EFI: from the firmware's call to the monitor's 64-bit entry."""

from __future__ import annotations

from typing import Never

from boot.entry.entry import ENTRY_64
from boot.info import BootInfo, BootWay
from boot.load.console import stop
from boot.load.firmware_time import FIRMWARE_TIME
from boot.load.load import load_monitor
from boot.load.menu import offer_menu
from boot.load.serial import start_serial
from boot.uefi.firmware import STATE, allocate_low, start_firmware
from boot.uefi.medium import find_medium
from boot.uefi.memory_map import exit_boot_services, get_memory_map, read_memory_map
from boot.uefi.screen import find_framebuffer
from boot.uefi.tables import ACPI_10, ACPI_20, ConfigurationTable, SystemTable
from codegen.lang import Hpa, Span, fn, phys, range, rdtsc, sizeof, span_of, stub, trap_site, u32, u64, usize


@stub("cli\nmov rax, rdi\nmov rdi, rsi\njmp rax")
def enter_monitor(entry: u64, info: u64) -> Never: ...


@fn(export="efi_main")
def efi_main(handle: u64, table: u64) -> u64:
    """The firmware's call. Never returns: a failure is said and stays on the screen."""
    tsc = rdtsc()
    start_firmware(Hpa(table))
    start_serial()
    if not find_medium(handle):
        stop("Keelback: no drive holds the volume KEELBACK. Write the ISO to the whole stick, not into a file system.")
    place = allocate_low(u64(sizeof(BootInfo)))
    if place is None or not get_memory_map():
        stop("Keelback: the firmware has no memory for the loader. Add memory.")
    info = phys(BootInfo, place)
    if not read_memory_map(info, False):
        stop("Keelback: the firmware's memory map has too many entries.")
    info.way = BootWay.UEFI
    info.entry_tsc = tsc
    offer_menu(info)
    entry = load_monitor(info)
    info.rsdp = find_rsdp(phys(SystemTable, Hpa(table)))
    find_framebuffer(info.framebuffer)
    STATE.console = Hpa(0)
    if not exit_boot_services(handle):
        stop("Keelback: the firmware does not end its boot services. Update it.")
    if not read_memory_map(info, True):
        stop("Keelback: the firmware's memory map has too many entries.")
    info.firmware_ticks = FIRMWARE_TIME.ticks
    enter_monitor(entry + ENTRY_64, u64(place))


@fn
def find_rsdp(table: SystemTable) -> Hpa:
    """Of ACPI 2.0 if there is one, else of 1.0, else 0."""
    found = find_table(table, ACPI_20)
    return found if found != Hpa(0) else find_table(table, ACPI_10)


@fn
def find_table(table: SystemTable, guid: Span) -> Hpa:
    for i in range(usize(table.table_count)):
        entry = phys(ConfigurationTable, table.tables + u64(i) * sizeof(ConfigurationTable))
        if span_of(entry).slice(usize(0), usize(16)).equals(guid):
            return entry.table
    return Hpa(0)


@fn(export="trap")
def trap(site: u32) -> Never:
    where = trap_site(site)
    stop(f"Keelback: the loader failed a check: {where.kind} at {where.file}:{where.line}. Please report this.")
