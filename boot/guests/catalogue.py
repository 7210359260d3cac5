"""The guests that exist, the Debian package of each, and where its file lies after set-up."""

from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "build" / "guests"


@dataclass(frozen=True)
class Guest:
    """One file of one Debian package. `member` is a pattern for its path in the package, or several with spaces
    between; `meta` marks a package that only depends on the one with the kernel; `gunzip` unpacks it; `modules` makes
    an initramfs of all files that match. `product` is relative to FOLDER. Set-up leaves out those that are fetched on
    demand, when a long test first uses them."""

    package: str
    member: str
    product: str
    meta: bool = False
    gunzip: bool = False
    modules: bool = False
    on_demand: bool = False


GUESTS = {
    "linux-cloud": Guest("linux-image-cloud-amd64", "./boot/vmlinuz-*", "linux-cloud/vmlinuz", meta=True),
    "linux-cloud-modules": Guest(
        "linux-image-cloud-amd64",
        "./lib/modules/*/kernel/drivers/*virtio*.ko ./lib/modules/*/failover.ko ./lib/modules/*/net_failover.ko",
        "linux-cloud/modules.gz",
        meta=True,
        modules=True,
    ),
    "linux-generic": Guest("linux-image-amd64", "./boot/vmlinuz-*", "linux-generic/vmlinuz", meta=True),
    "linux-rt": Guest("linux-image-rt-amd64", "./boot/vmlinuz-*", "linux-rt/vmlinuz", meta=True, on_demand=True),
    "gnumach": Guest("gnumach-image-1.8-486", "./boot/gnumach-*.gz", "gnumach/gnumach", gunzip=True),
    "memtest86+": Guest("memtest86+", "./boot/memtest86+x64.bin", "memtest86+/memtest86+x64.bin"),
    "busybox": Guest("busybox-static", "./bin/busybox", "busybox/busybox"),
}
INITRAMFS = {"initramfs": "initramfs.gz", "initramfs-virtio": "initramfs-virtio.gz"}
"""Ours; the second one also has the modules of the cloud kernel that drive virtio devices."""


def guest_path(name: str) -> Path:
    """The file of the guest, or the initramfs, with that name, which set-up has put there."""
    return FOLDER / (INITRAMFS[name] if name in INITRAMFS else GUESTS[name].product)
