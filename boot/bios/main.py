"""Stage 2 of the BIOS loader, from 32-bit protected mode to the monitor's entry."""

from __future__ import annotations

from typing import Never

from boot.bios.a20 import enable_a20
from boot.bios.boot_sector import BootSector
from boot.bios.e820 import read_memory_map
from boot.bios.low_memory import BOOT_SECTOR
from boot.info import BOOT_INFO_MAGIC, BootInfo, BootWay
from boot.load.console import stop
from boot.load.firmware_time import FIRMWARE_TIME
from boot.load.load import load_monitor
from boot.load.menu import offer_menu
from boot.load.serial import start_serial
from codegen.lang import Hpa, fn, phys, storage, stub, trap_site, u32

INFO = storage(BootInfo)


@stub(
    "mov ecx, dword ptr [esp + 4]\nmov ebx, dword ptr [esp + 8]\nmov eax, {{ magic }}\njmp ecx",
    bits=32,
    constants={"magic": BOOT_INFO_MAGIC},
)
def enter_monitor(entry: u32, info: BootInfo) -> Never: ...


@fn(export="loader_main")
def loader_main() -> Never:
    start_serial()
    if not enable_a20():
        stop("Keelback: address line A20 stays off. Enable it (Gate A20) in the firmware setup.")
    INFO.way = BootWay.BIOS
    sector = phys(BootSector, Hpa(BOOT_SECTOR))
    INFO.entry_tsc = sector.entry_tsc
    FIRMWARE_TIME.ticks = FIRMWARE_TIME.ticks.wrapping_add(sector.loaded_tsc.wrapping_sub(sector.entry_tsc))
    if not read_memory_map(INFO):
        stop("Keelback: the BIOS gives no memory map (INT 15h E820). Update it, or boot by UEFI.")
    offer_menu(INFO)
    entry = u32(load_monitor(INFO))
    INFO.firmware_ticks = FIRMWARE_TIME.ticks
    enter_monitor(entry, INFO)


@fn(export="trap")
def trap(site: u32) -> Never:
    where = trap_site(site)
    stop(f"Keelback: the loader failed a check: {where.kind} at {where.file}:{where.line}. Please report this.")
