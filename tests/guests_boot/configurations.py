"""Configurations of real guests, written where a test wants them: two tests never share a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from boot.guests.catalogue import GUESTS, guest_path
from boot.guests.fetch import fetch_on_demand

CONSOLE = "console=ttyS0"


@dataclass(frozen=True)
class Guest:
    """One `[[vm]]`. `kernel` is a guest of the catalogue or a file; Linux gets our initramfs."""

    name: str
    kernel: str | Path
    command_line: str = CONSOLE
    memory: str = "256M"
    kvm_signature: bool = True
    vcpus: int = 1
    initramfs: str = "initramfs"
    disk: str = ""  # keys of a [[vm.disk]]

    def toml(self) -> str:
        kernel = self.kernel if isinstance(self.kernel, Path) else kernel_file(self.kernel)
        linux = isinstance(self.kernel, str) and self.kernel.startswith("linux")
        return "\n".join(
            [
                "[[vm]]",
                f'name = "{self.name}"',
                f'kernel = "{kernel}"',
                *([f'initrd = "{guest_path(self.initramfs)}"'] if linux else []),
                f'cmdline = "{self.command_line}"',
                f'memory = "{self.memory}"',
                f"vcpus = {self.vcpus}",
                *([] if self.kvm_signature else ["kvm_signature = false"]),
                *(["[[vm.disk]]", self.disk] if self.disk else []),
            ]
        )


def kernel_file(name: str) -> Path:
    return fetch_on_demand(name) if GUESTS[name].on_demand else guest_path(name)


CLOUD = Guest("debian", "linux-cloud")
WITH_DISK = Guest("debian", "linux-cloud", initramfs="initramfs-virtio", disk='size = "4M"')
GENERIC = Guest("debian", "linux-generic")
REAL_TIME = Guest("debian", "linux-rt")
MACH = Guest("mach", "gnumach", "console=com0", "64M")
MEMTEST = Guest("memtest", "memtest86+", "console=ttyS0,115200", "32M")


def write_configuration(folder: Path, *guests: Guest) -> Path:
    """A file whose stem is the folder's name: `build.py run` names the archive and the ISO after it."""
    file = folder / f"{folder.name}.toml"
    file.write_text("\n".join(guest.toml() for guest in guests) + "\n")
    return file
