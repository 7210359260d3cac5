"""Writing a cpio archive in the "newc" format, the initramfs' own (Linux, Documentation/driver-api/early-userspace)."""

import stat
from dataclasses import dataclass

MAGIC = "070701"
ALIGNMENT = 4


@dataclass(frozen=True)
class Entry:
    """A file, folder, symbolic link or device node, owned by root. `mode` holds type and permissions."""

    path: str
    mode: int
    data: bytes = b""
    device: tuple[int, int] = (0, 0)


def folder(path: str, permissions: int = 0o755) -> Entry:
    return Entry(path, stat.S_IFDIR | permissions)


def file(path: str, data: bytes, permissions: int = 0o644) -> Entry:
    return Entry(path, stat.S_IFREG | permissions, data)


def symlink(path: str, target: str) -> Entry:
    return Entry(path, stat.S_IFLNK | 0o777, target.encode())


def character_device(path: str, major: int, minor: int) -> Entry:
    return Entry(path, stat.S_IFCHR | 0o600, device=(major, minor))


def write_cpio(entries: list[Entry]) -> bytes:
    """The archive. Parents must come before children; times are 0, so equal entries give equal bytes."""
    trailer = Entry("TRAILER!!!", 0)
    return b"".join(encode(entry, inode) for inode, entry in enumerate([*entries, trailer], 1))


def encode(entry: Entry, inode: int) -> bytes:
    name = entry.path.encode() + b"\0"
    links = 2 if stat.S_ISDIR(entry.mode) else 1
    # inode, mode, uid, gid, links, mtime, size, device (2), represented device (2), name size, checksum
    fields = (inode, entry.mode, 0, 0, links, 0, len(entry.data), 0, 0, *entry.device, len(name), 0)
    header = MAGIC.encode() + b"".join(b"%08X" % field for field in fields)
    return pad(header + name) + pad(entry.data)


def pad(data: bytes) -> bytes:
    return data + bytes(-len(data) % ALIGNMENT)
