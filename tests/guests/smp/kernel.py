"""Build the SMP kernel, as tests/guests/kernel.py does the other one."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.guests.kernel import build_kernel

ROOTS = {
    "boot.entry.entry": ("boot_entry",),
    "boot.entry.early": ("early_memory",),
    "tests.guests.header": ("multiboot_header",),
    "tests.guests.smp.main": ("start", "keep_boot_information", "begin_processor"),
    "tests.guests.smp.trapped": ("handle_trap", "trap"),
}

if __name__ == "__main__":
    build_kernel(Path(sys.argv[1]), ROOTS)
