"""What firmware leaves: a memory map, and ACPI tables that name IOMMUs."""

from __future__ import annotations

import struct
from collections.abc import Iterable

from boot.info import BootInfo, MemoryKind
from codegen.lang import Hpa, host, storage, u32, u64
from drivers.acpi.root import acpi_start
from hypervisor.memory.frames import FRAMES, frames_start
from hypervisor.memory.image_layout import PHYSICAL_MAP_BASE
from hypervisor.memory.page_table import READ_WRITE, TABLES, map_pages

MIB = 1 << 20
RAM_END = 32 * MIB
RSDP = 0x8_0000
INFO = storage(BootInfo)


def summed(content: bytes, at: int) -> bytes:
    total = sum(content) & 0xFF
    return content[:at] + bytes([(content[at] - total) & 0xFF]) + content[at + 1 :]


def acpi(signature: bytes, body: bytes) -> bytes:
    header = struct.pack("<4sIBB6s8sIII", signature, 36 + len(body), 1, 0, b"OEMID", b"OEMTABLE", 1, 1, 1)
    return summed(header + body, 9)


def drhd(base: int, segment: int = 0) -> bytes:
    return struct.pack("<HHBBHQ", 0, 16, 1, 0, segment, base)


def rmrr(base: int, last: int, *scopes: bytes) -> bytes:
    rest = b"".join(scopes)
    return struct.pack("<HHHHQQ", 1, 24 + len(rest), 0, 0, base, last) + rest


def scope(bus: int, device: int, function: int) -> bytes:
    return struct.pack("<BBHBBBB", 1, 8, 0, 0, bus, device, function)


def dmar(*structures: bytes) -> bytes:
    return acpi(b"DMAR", bytes([47, 0]) + bytes(10) + b"".join(structures))


def ivhd(base: int, *entries: bytes, kind: int = 0x11, segment: int = 0) -> bytes:
    rest = b"".join(entries)
    header = 24 if kind == 0x10 else 40
    start = struct.pack("<BBHHHQHHI", kind, 0, header + len(rest), 2, 0x40, base, segment, 0, 0)
    return start.ljust(header, b"\0") + rest


def alias(requester: int, source: int) -> bytes:
    return struct.pack("<BHBBHB", 0x42, requester, 0, 0, source, 0)


def ivmd(requester: int, base: int, length: int) -> bytes:
    return struct.pack("<BBHHHQQQ", 0x21, 0, 32, requester, 0, 0, base, length)


def ivrs(*blocks: bytes) -> bytes:
    return acpi(b"IVRS", struct.pack("<IQ", 0, 0) + b"".join(blocks))


def start_machine(tables: Iterable[bytes]) -> None:
    """RAM from 1 MiB to RAM_END in owned frames, and these tables below it."""
    INFO.region_count = 1
    INFO.regions[0].base = Hpa(MIB)
    INFO.regions[0].length = RAM_END - MIB
    INFO.regions[0].kind = u32(MemoryKind.USABLE)
    FRAMES.usable.add(u64(MIB), u64(RAM_END))
    assert frames_start()
    TABLES.root = Hpa(0x1000)
    TABLES.largest = u32(2)
    assert map_pages(u64(PHYSICAL_MAP_BASE), Hpa(0), u64(RAM_END), READ_WRITE)
    addresses, here = [], RSDP + 0x1000
    for content in tables:
        host.memory.write(Hpa(here), content)
        addresses.append(here)
        here += (len(content) + 15) & ~15
    root = acpi(b"XSDT", b"".join(address.to_bytes(8, "little") for address in addresses))
    host.memory.write(Hpa(RSDP + 0x100), root)
    first = summed(struct.pack("<8sB6sBI", b"RSD PTR ", 0, b"OEMID", 2, 0), 8)
    host.memory.write(Hpa(RSDP), summed(first + struct.pack("<IQB3x", 36, RSDP + 0x100, 0), 32))
    assert acpi_start(Hpa(RSDP))
