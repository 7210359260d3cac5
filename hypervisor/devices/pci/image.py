"""A configuration space as it is after reset, and which of its bits software can change: made at build time."""

from __future__ import annotations

from dataclasses import dataclass

from codegen.lang import Local, sizeof, span_of
from drivers.pci.header import Type0Header
from hypervisor.layout_bytes import bytes_of

CONFIG_BYTES = 256
CONFIG_WORDS = CONFIG_BYTES // 4


@dataclass(frozen=True)
class ConfigImage:
    """256 bytes each; a set bit of `writable` can be changed."""

    content: bytes
    writable: bytes


def host_bridge() -> ConfigImage:
    """Intel 440FX, revision 2, as the board is a PC of that family. Its own registers, from 40h on, are kept and have
    no effect."""
    header = Local(Type0Header)
    header.vendor, header.device, header.revision, header.base_class = 0x8086, 0x1237, 2, 6
    content = bytes_of(span_of(header)).ljust(CONFIG_BYTES, b"\0")
    return ConfigImage(content, bytes(sizeof(Type0Header)) + b"\xff" * (CONFIG_BYTES - sizeof(Type0Header)))
