"""UEFI's memory map as BootInfo's, and the end of boot services (UEFI 2.10, 7.2)."""

from __future__ import annotations

from boot.info import BootInfo, MemoryKind
from boot.load.memory_map import add_region
from boot.uefi.firmware import call_firmware, services
from boot.uefi.tables import MemoryDescriptor, Word
from codegen.lang import Array, Struct, address_of, at, fn, range, span_of, storage, u8, u32, u64, usize

BUFFER_SIZE = 65536  # about 1,300 descriptors; large servers were seen with 400
EXIT_TRIES = 8
LOADER_CODE, BOOT_SERVICES_DATA, CONVENTIONAL = 1, 4, 7
UNUSABLE, ACPI_RECLAIM, ACPI_NVS = 8, 9, 10


class MapBuffer(Struct, size=BUFFER_SIZE, align=16):
    bytes: Array[u8] = at(0, count=BUFFER_SIZE)


BUFFER = storage(MapBuffer)
SIZE = storage(Word)
KEY = storage(Word)
DESCRIPTOR_SIZE = storage(Word)
VERSION = storage(Word)


@fn
def get_memory_map() -> bool:
    SIZE.value = BUFFER_SIZE
    status = call_firmware(
        services().get_memory_map,
        u64(address_of(SIZE)),
        u64(address_of(BUFFER)),
        u64(address_of(KEY)),
        u64(address_of(DESCRIPTOR_SIZE)),
        u64(address_of(VERSION)),
    )
    return status == 0


@fn
def read_memory_map(info: BootInfo, after_exit: bool) -> bool:
    """The latest map into `info`, neighbours of one kind as one. What boot services use is free after their exit."""
    info.region_count = 0
    base, end, kind = u64(0), u64(0), u32(0)
    for i in range(usize(SIZE.value // DESCRIPTOR_SIZE.value)):
        descriptor = span_of(BUFFER).view(i * usize(DESCRIPTOR_SIZE.value), MemoryDescriptor)
        assert descriptor is not None
        of = kind_of(descriptor.kind, after_exit)
        if descriptor.start == end and of == kind:
            end += descriptor.pages << 12
        else:
            if not add_region(info, base, end - base, kind):
                return False
            base = descriptor.start
            end = base + (descriptor.pages << 12)
            kind = of
    return add_region(info, base, end - base, kind)


@fn
def kind_of(kind: u32, after_exit: bool) -> u32:
    """An EFI_MEMORY_TYPE as E820's."""
    if kind == CONVENTIONAL or (after_exit and kind >= LOADER_CODE and kind <= BOOT_SERVICES_DATA):
        return u32(MemoryKind.USABLE)
    if kind == ACPI_RECLAIM:
        return u32(MemoryKind.ACPI_RECLAIMABLE)
    if kind == ACPI_NVS:
        return u32(MemoryKind.ACPI_NVS)
    if kind == UNUSABLE:
        return u32(MemoryKind.BAD)
    return u32(MemoryKind.RESERVED)


@fn
def exit_boot_services(handle: u64) -> bool:
    """The key goes stale when an event handler allocates between the two calls: then both again."""
    tries = u32(0)
    while tries < EXIT_TRIES:
        if get_memory_map():
            if call_firmware(services().exit_boot_services, handle, KEY.value, u64(0), u64(0), u64(0)) == 0:
                return True
        tries += 1
    return False
