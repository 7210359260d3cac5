"""The example's and the tests' initramfs: busybox, and the files of rootfs/. Needs neither root nor a mount."""

import gzip
from pathlib import Path

from boot.guests import cpio
from boot.guests.catalogue import guest_path

ROOTFS = Path(__file__).resolve().parent / "rootfs"
FOLDERS = ("bin", "dev", "etc", "etc/tests", "proc", "root", "sbin", "sys", "tmp", "usr", "usr/bin", "usr/sbin")


def initramfs_sources() -> list[tuple[str, bytes]]:
    """Our own files in it, path and content."""
    paths = sorted(path for path in ROOTFS.rglob("*") if path.is_file())
    return [(str(path.relative_to(ROOTFS)), path.read_bytes()) for path in paths]


def build_initramfs() -> Path:
    """Write build/guests/initramfs.gz from the busybox that was fetched."""
    entries = [
        *map(cpio.folder, FOLDERS),
        cpio.character_device("dev/console", 5, 1),
        cpio.character_device("dev/null", 1, 3),
        cpio.file("bin/busybox", guest_path("busybox").read_bytes(), 0o755),
        cpio.symlink("bin/sh", "busybox"),
        cpio.symlink("init", "bin/busybox"),
        *(cpio.file(path, data, 0o755) for path, data in initramfs_sources()),
    ]
    product = guest_path("initramfs")
    partial = product.with_name(product.name + ".partial")
    partial.write_bytes(gzip.compress(cpio.write_cpio(entries), mtime=0))
    return partial.replace(product)
