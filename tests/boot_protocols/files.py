"""An archive with a manifest, in the machine's RAM, as the loader leaves it."""

from __future__ import annotations

import struct
from typing import Any

from boot.info import ARCHIVE_MAGIC
from codegen.lang import Span, host, phys_span, sizeof, u64
from hypervisor.archive import ARCHIVE, archive_start
from hypervisor.config.manifest import MANIFEST_MAGIC, NO_FILE, ManifestVm

VM_BYTES = sizeof(ManifestVm)


def in_ram(content: bytes) -> Span:
    """Bytes in the host's RAM, with a page behind them."""
    place = host.memory.allocate(len(content) + 4096)
    host.memory.write(place, content)
    return phys_span(place, u64(len(content)))


def archive(*files: tuple[int, bytes]) -> bytes:
    """Files are (kind, content)."""
    offset, records, contents = 4096, b"", b""
    for kind, content in files:
        records += struct.pack("<QQI", offset + len(contents), len(content), kind).ljust(64, b"\0")
        contents += content + bytes(-len(content) % 4096)
    header = struct.pack("<QIIQ", ARCHIVE_MAGIC, len(files), 0, 4096 + len(contents)).ljust(32, b"\0")
    return (header + records).ljust(4096, b"\0") + contents


def manifest(**fields: Any) -> bytes:
    """One VM, and its texts: `command_line` and `arguments` (of modules, by file number)."""
    modules: list[tuple[int, bytes]] = fields.get("modules", [])
    texts, places = b"", []
    for text in (fields.get("command_line", b""), *(argument for _, argument in modules)):
        places.append(32 + VM_BYTES + len(texts))
        texts += text + b"\0"
    vm = struct.pack(
        "<QIIIIII",
        fields.get("memory", 0x100_0000),
        1,
        fields.get("protocol", 1),
        fields.get("kernel", 1),
        fields.get("initrd", NO_FILE),
        0,
        fields.get("module_count", len(modules)),
    )
    vm += struct.pack("<I", places[0])
    vm = vm.ljust(40, b"\0") + b"guest".ljust(32, b"\0")
    vm += b"".join(struct.pack("<II", file, place) for (file, _), place in zip(modules, places[1:], strict=True))
    header = struct.pack("<IIQ", MANIFEST_MAGIC, 1, 0).ljust(32, b"\0")
    return header + vm.ljust(VM_BYTES, b"\0") + texts


def hand_over(content: bytes) -> bool:
    """As start-up does with what the loader left."""
    ARCHIVE.zero()
    place = host.memory.allocate(len(content) + 4096)
    host.memory.write(place, content)
    return archive_start(place, u64(len(content)))
