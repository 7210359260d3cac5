"""An image whose `start` says on COM1 what BootInfo holds, then ends the machine: what the boot tests boot."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Never

from boot.entry import early, entry, pvh
from boot.info import ARCHIVE_MAGIC, ArchiveHeader, BootInfo
from boot.load import console, firmware, serial
from boot.load.console import say
from boot.load.serial import start_serial, write_serial_text
from boot.machines.qemu import DEBUG_EXIT_PORT
from codegen.asm.stub import assemble_stub
from codegen.back.compile import compile_program
from codegen.back.target import IMAGE
from codegen.front.lower import lower_program
from codegen.front.program import TargetInfo
from codegen.lang import (
    WO,
    Hpa,
    PortBlock,
    Reg,
    at,
    cli,
    fn,
    hlt,
    implements,
    len,
    phys,
    ports,
    range,
    span,
    trap_site,
    u8,
    u16,
    u32,
    u64,
    usize,
)
from codegen.link.image import ImageLayout, link_elf

PHYSICAL_MAP_BASE = early.PHYSICAL_MAP_BASE
SHUTDOWN = span(b"Shutdown")


class DebugPort(PortBlock, size=1):
    """Bochs' port E9, shutdown at 8900."""

    data: Reg[u8] = at(0, access=WO)


class DebugExit(PortBlock, size=4):
    """QEMU's isa-debug-exit: its status is 2 * code + 1."""

    code: Reg[u32] = at(0, access=WO)


@implements(firmware.show_byte)
@fn
def show_byte(byte: u8) -> None:
    ports(DebugPort, u16(0xE9)).data.write(byte)
    write_serial_text(byte)


@implements(firmware.halt)
@fn
def halt() -> Never:
    for i in range(len(SHUTDOWN)):
        ports(DebugPort, u16(0x8900)).data.write(SHUTDOWN[i])
    ports(DebugExit, u16(DEBUG_EXIT_PORT)).code.write(u32(0))
    while True:
        cli()
        hlt()


@fn(export="start")
def start(boot_info: Hpa) -> Never:
    start_serial()
    info = phys(BootInfo, boot_info)
    say(f"way {info.way} image {info.image_base:#x} size {info.image_size:#x} rsdp {u64(info.rsdp) != 0}")
    for i in range(usize(info.region_count)):
        region = info.regions[i]
        say(f"region {region.base:#x} {region.length:#x} {region.kind}")
    screen = info.framebuffer
    say(f"framebuffer {screen.width}x{screen.height}x{screen.bits_per_pixel}")
    check = info.flags.check_machine
    say(f"check {check} archive {info.archive_size:#x}")
    if info.archive_size != 0:
        header = phys(ArchiveHeader, info.archive_base)
        good = header.magic == ARCHIVE_MAGIC and header.total_size == info.archive_size
        say(f"archive header {good} sum {sum_words(info.archive_base, info.archive_size):#x}")
    say("end of probe")
    halt()


@fn
def sum_words(base: Hpa, size: u64) -> u32:
    """Every 4 KiB page's first word, position included, so that pages out of place show."""
    total = u32(0)
    for i in range(usize(size >> 12)):
        word = phys(ArchiveHeader, base + (u64(i) << 12)).file_count
        total = total.rotate_left(1).wrapping_add(word)
    return total


@fn(export="trap")
def trap(site: u32) -> Never:
    where = trap_site(site)
    say(f"trap {where.kind} {where.file}:{where.line}")
    halt()


def build_probe(out: Path, modules: tuple[ModuleType, ...]) -> Path:
    """Compile and link; `modules` holds this one (a module cannot name itself)."""
    target = TargetInfo(physical_base=PHYSICAL_MAP_BASE, assemble=assemble_stub)
    everything = (*modules, early, entry, pvh, console, serial)
    roots = [start, trap, early.early_memory, pvh.pvh_boot_info, entry.boot_entry]
    program, diagnostics = lower_program(roots, everything, target)  # type: ignore[arg-type]
    assert not diagnostics, "\n".join(diagnostic.render() for diagnostic in diagnostics)
    compiled = out.with_suffix(".o")
    compiled.write_bytes(compile_program(program, IMAGE, debug=False).content)
    return link_elf([compiled], out, ImageLayout(16 << 20, "boot_entry", "boot_entry"))
