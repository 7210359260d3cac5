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


def build_initramfs() -> None:
    """Write both of build/guests, from the busybox and the modules that were fetched."""
    entries = [
        *map(cpio.folder, FOLDERS),
        cpio.character_device("dev/console", 5, 1),
        cpio.character_device("dev/null", 1, 3),
        cpio.file("bin/busybox", guest_path("busybox").read_bytes(), 0o755),
        cpio.symlink("bin/sh", "busybox"),
        cpio.symlink("init", "bin/busybox"),
        *(cpio.file(path, data, 0o755) for path, data in initramfs_sources()),
    ]
    archive = pack(entries)
    write(
        "initramfs-virtio", archive + guest_path("linux-cloud-modules").read_bytes()
    )  # Linux unpacks one after the other
    write("initramfs", archive)


def pack_modules(files: dict[str, bytes]) -> bytes:
    """An initramfs of modules by name, in /lib/modules."""
    folders = ("lib", "lib/modules")
    entries = [
        *map(cpio.folder, folders),
        *(cpio.file(f"lib/modules/{name}", files[name], 0o644) for name in sorted(files)),
    ]
    return pack(entries)


def pack(entries: list[cpio.Entry]) -> bytes:
    """The same bytes for the same entries."""
    return gzip.compress(cpio.write_cpio(entries), mtime=0)


def write(name: str, content: bytes) -> None:
    """By rename, so that a broken run leaves nothing half."""
    product = guest_path(name)
    partial = product.with_name(product.name + ".partial")
    partial.write_bytes(content)
    partial.replace(product)
