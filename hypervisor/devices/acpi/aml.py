"""A small writer of AML (ACPI 6.5, chapter 20): what our DSDT needs, at build time."""

from __future__ import annotations

ZERO, ONE = b"\x00", b"\x01"


def package_length(body: bytes) -> bytes:
    """PkgLength (20.2.4), which counts itself."""
    for extra in range(4):
        total = len(body) + 1 + extra
        if extra == 0 and total < 1 << 6:
            return bytes([total])
        if extra and total < 1 << (4 + 8 * extra):
            return bytes([extra << 6 | total & 0xF]) + (total >> 4).to_bytes(extra, "little")
    raise ValueError(f"an AML package of {len(body)} bytes is too long")


def name_string(path: str) -> bytes:
    """A NameString: `\\` or a path of four-letter segments joined by dots."""
    root = b"\\" if path.startswith("\\") else b""
    segments = [part.ljust(4, "_").encode() for part in path.lstrip("\\").split(".") if part]
    if len(segments) == 0:
        return root + b"\x00"
    if len(segments) == 1:
        return root + segments[0]
    if len(segments) == 2:
        return root + b"\x2e" + b"".join(segments)
    return root + b"\x2f" + bytes([len(segments)]) + b"".join(segments)


def integer(value: int) -> bytes:
    """The shortest constant."""
    if value in (0, 1):
        return bytes([value])
    for prefix, size in ((0x0A, 1), (0x0B, 2), (0x0C, 4), (0x0E, 8)):
        if value < 1 << (8 * size):
            return bytes([prefix]) + value.to_bytes(size, "little")
    raise ValueError(f"{value:#x} is no AML integer")


def string(text: str) -> bytes:
    """A String."""
    return b"\x0d" + text.encode() + b"\x00"


def eisa_id(text: str) -> bytes:
    """A compressed EISA id such as PNP0A03 (19.3.4)."""
    letters = [ord(c) - 0x40 for c in text[:3]]
    value = letters[0] << 26 | letters[1] << 21 | letters[2] << 16 | int(text[3:], 16)
    return b"\x0c" + value.to_bytes(4, "big")


def package(*elements: bytes) -> bytes:
    """A Package of encoded elements."""
    body = bytes([len(elements)]) + b"".join(elements)
    return b"\x12" + package_length(body) + body


def buffer(content: bytes) -> bytes:
    """A Buffer."""
    body = integer(len(content)) + content
    return b"\x11" + package_length(body) + body


def name(path: str, value: bytes) -> bytes:
    """Name (path, value)."""
    return b"\x08" + name_string(path) + value


def scope(path: str, *terms: bytes) -> bytes:
    """Scope (path) { terms }."""
    body = name_string(path) + b"".join(terms)
    return b"\x10" + package_length(body) + body


def device(path: str, *terms: bytes) -> bytes:
    """Device (path) { terms }."""
    body = name_string(path) + b"".join(terms)
    return b"\x5b\x82" + package_length(body) + body


# ---- resource descriptors (6.4) ----


def io_ports(first: int, count: int) -> bytes:
    """IO (Decode16, first, first, 1, count)."""
    return b"\x47\x01" + first.to_bytes(2, "little") * 2 + bytes([1, count])


def irq(number: int) -> bytes:
    """IRQNoFlags {number}: edge-triggered, active high."""
    return b"\x22" + (1 << number).to_bytes(2, "little")


def word_bus_numbers(first: int, last: int) -> bytes:
    """WordBusNumber, produced by a host bridge."""
    body = bytes([2, 0x0C, 0]) + words(2, 0, first, last, 0, last - first + 1)
    return b"\x88" + len(body).to_bytes(2, "little") + body


def word_io(first: int, last: int) -> bytes:
    """WordIO, positively decoded, whole range."""
    body = bytes([1, 0x0C, 3]) + words(2, 0, first, last, 0, last - first + 1)
    return b"\x88" + len(body).to_bytes(2, "little") + body


def dword_memory(first: int, last: int) -> bytes:
    """DWordMemory, not cacheable, writable."""
    body = bytes([0, 0x0C, 1]) + words(4, 0, first, last, 0, last - first + 1)
    return b"\x87" + len(body).to_bytes(2, "little") + body


def words(size: int, *values: int) -> bytes:
    """Little-endian numbers of `size` bytes."""
    return b"".join(value.to_bytes(size, "little") for value in values)


def resources(*descriptors: bytes) -> bytes:
    """ResourceTemplate: the descriptors and an end tag (checksum 0: not checked)."""
    return buffer(b"".join(descriptors) + b"\x79\x00")
