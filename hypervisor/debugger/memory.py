"""Physical memory through the emulator, and the monitor's structures in it, whoever runs: monitor, guest or firmware.

The processor's page tables are a guest's while it runs one. So structures are read by physical address, and become
typed values from their bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gdb

from codegen.debugger.elf import symbols
from codegen.debugger.names import SPELLINGS, image_file

DIRECT_MAP = 0xFFFF_8000_0000_0000
DIRECT_MAP_END = DIRECT_MAP + (1 << 46)
TWO_MIB = 2 << 20
FRAME_BITS = 0x000F_FFFF_FFFF_F000
LARGE = 1 << 7
LINKED_PHYSICAL = 16 << 20


class Image:
    """Where the image lies: at FFFFFFFF80000000h for the processor, at `physical` in memory, once that is known."""

    physical = LINKED_PHYSICAL
    found = False


def image_bounds() -> tuple[int, int]:
    """Virtual addresses."""
    names = symbols(image_file())
    return names["__image_start"].address, names["__image_end"].address


def in_monitor() -> bool:
    """Whether the processor runs the monitor now, with its page tables."""
    start, end = image_bounds()
    return bool(start <= register("rip") < end)


def find_image() -> None:
    """Ask the page tables where the image lies; a loader may put it at any 2 MiB line."""
    if not Image.found and in_monitor():
        Image.physical = translate(image_bounds()[0])
        Image.found = True


def translate(virtual: int) -> int:
    """By the processor's own four-level page tables."""
    entry = register("cr3") & FRAME_BITS
    for level in (4, 3, 2, 1):
        index = virtual >> (3 + 9 * level) & 511
        entry = int.from_bytes(read_physical((entry & FRAME_BITS) + 8 * index, 8), "little")
        if not entry & 1:
            raise gdb.GdbError(f"{virtual:#x} is not mapped")
        size = 1 << (3 + 9 * level)
        if level == 1 or entry & LARGE:
            return (entry & FRAME_BITS & -size) + virtual % size
    raise AssertionError


def register(name: str) -> int:
    return int(gdb.selected_frame().read_register(name)) & (1 << 64) - 1


@contextmanager
def physical_mode() -> Iterator[None]:
    """Memory by physical address (QEMU's extension of the remote protocol)."""
    gdb.execute("maintenance packet Qqemu.PhyMemMode:1", to_string=True)
    try:
        yield
    finally:
        gdb.execute("maintenance packet Qqemu.PhyMemMode:0", to_string=True)


def read_physical(address: int, length: int) -> bytes:
    """Bytes of RAM. GdbError when there is none."""
    with physical_mode():
        try:
            return bytes(gdb.selected_inferior().read_memory(address, length))
        except gdb.error as error:
            raise gdb.GdbError(f"physical memory at {address:#x}: {error}") from None


def physical_of(virtual: int) -> int:
    """Of what lies in the image or in the direct map of RAM."""
    start, end = image_bounds()
    if start <= virtual < end:
        find_image()
        return virtual - start + Image.physical
    if DIRECT_MAP <= virtual < DIRECT_MAP_END:
        return virtual - DIRECT_MAP
    raise gdb.GdbError(f"{virtual:#x} lies neither in the image nor in the direct map")


def record(name: str, physical: int) -> Any:
    """The structure of this type at a physical address, as a typed value of its own."""
    kind = gdb.lookup_type(name)
    return typed(read_physical(physical, kind.sizeof), kind)


def typed(content: bytes, kind: gdb.Type) -> Any:
    """Bytes as a value of this type. (gdb takes them; what type checkers know of it does not say so.)"""
    make: Any = gdb.Value
    return make(content, kind)


def static_memory(name: str) -> Any:
    """What lies there, by its full name; read when it is looked at."""
    symbol = gdb.lookup_global_symbol(name)
    if symbol is None:
        raise gdb.GdbError(f"this image has no {name}")
    return symbol.value()


def element(array: str, index: int) -> tuple[Any, int]:
    """Element of static memory by its full name: the typed value, and its virtual address."""
    place = static_memory(array)
    kind = place.type.strip_typedefs().target()
    address = int(place.address) + index * kind.sizeof
    return typed(read_physical(physical_of(address), kind.sizeof), kind), address


def count(array: str) -> int:
    """Elements of static memory."""
    low, high = static_memory(array).type.strip_typedefs().range()
    return int(high - low + 1)


def copied(name: str) -> str | None:
    """For `kb print` while a guest runs, whose page tables do not show static memory: a copy in a convenience
    variable."""
    if in_monitor():
        return None
    place = static_memory(name)
    content = read_physical(physical_of(int(place.address)), place.type.sizeof)
    variable = "kb_" + name.replace(".", "_")
    gdb.set_convenience_variable(variable, typed(content, place.type))
    return f"${variable}"


SPELLINGS.append(copied)
