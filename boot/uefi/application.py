"""BOOTX64.EFI as a file, and the EFI system partition that holds it. Runs at build time."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from boot.load import console, elf, firmware_time, iso9660, load, memory_map, menu, processor, serial
from boot.uefi import boot_device, firmware, main, medium, screen
from boot.uefi import memory_map as uefi_memory_map
from codegen.asm.stub import assemble_stub
from codegen.back.compile import compile_program
from codegen.back.target import UEFI
from codegen.front.lower import lower_program
from codegen.front.program import TargetInfo
from codegen.link.efi import link_efi
from codegen.program import CompileErrors

OWN = (main, firmware, medium, boot_device, uefi_memory_map, screen)
MODULES = (*OWN, load, console, elf, firmware_time, iso9660, memory_map, menu, processor, serial)
ROOTS: list[Any] = [main.efi_main, main.trap]
ESP_SIZE = 1 << 20
EPOCH = 1_767_225_600  # 2026-01-01 00:00 UTC, as on the rest of the medium


class EspError(Exception):
    """mtools failed or are missing."""


def build_application(scratch: Path) -> Path:
    """Compile and link. Raises LinkError, and CompileErrors."""
    target = TargetInfo(pointer_bits=64, physical_base=0, assemble=assemble_stub)
    program, diagnostics = lower_program(ROOTS, MODULES, target)
    if diagnostics:
        raise CompileErrors(diagnostics)
    scratch.mkdir(parents=True, exist_ok=True)
    compiled = scratch / "uefi.obj"
    compiled.write_bytes(compile_program(program, UEFI, debug=False).content)
    return link_efi([compiled], scratch / "BOOTX64.EFI", "efi_main")


def build_esp(application: Path, out: Path) -> Path:
    """A FAT image with the application where firmware looks for it. The same bytes from the same application."""
    if application.stat().st_size > ESP_SIZE - (128 << 10):
        raise EspError(f"{application.name} has {application.stat().st_size} bytes; the partition has {ESP_SIZE}")
    os.utime(application, (EPOCH, EPOCH))
    out.write_bytes(bytes(ESP_SIZE))
    run_mtool("mformat", "-i", str(out), "-N", "4B42454C", "-v", "KEELBACK", "-h", "2", "-s", "32", "-t", "32", "::")
    run_mtool("mmd", "-i", str(out), "::EFI", "::EFI/BOOT")
    run_mtool("mcopy", "-m", "-i", str(out), str(application), "::EFI/BOOT/BOOTX64.EFI")
    return out


def run_mtool(*command: str) -> None:
    if shutil.which(command[0]) is None:
        raise EspError(f"{command[0]} is not installed (Debian package mtools)")
    environment = os.environ | {"SOURCE_DATE_EPOCH": str(EPOCH), "TZ": "UTC"}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    if result.returncode != 0:
        raise EspError(f"{' '.join(command)}: {result.stderr.strip()}")
