"""The part of loading that is the same under every firmware: image and archive from the medium into RAM."""

from __future__ import annotations

from boot.info import BOOT_INFO_MAGIC, BootInfo
from boot.load.console import say, stop
from boot.load.elf import ImagePlan, measure_image, place_image
from boot.load.firmware import claim_memory, read_medium, release_memory
from boot.load.iso9660 import SECTOR, Extent, MediumError, find_file, open_volume
from boot.load.memory_map import TWO_MIB, add_region, align_up, find_room, is_free
from boot.load.processor import Vendor, choose_vendor
from codegen.lang import Hpa, Local, Span, fn, phys_span, range, span, u32, u64

DIRECTORY = span(b"KEELBACK")
VT_X_IMAGE = span(b"VTX.ELF;1")
AMD_V_IMAGE = span(b"AMDV.ELF;1")
DESCRIPTOR = span(b"volume descriptor")
ARCHIVE = span(b"ARCHIVE.KBA;1")
SCRATCH_FLOOR = 32 << 20  # the image's file is read here if it can be, to leave its place free
PAGE = 4096
TAKEN = 0x4B42  # a kind of region that only loading uses
CLAIM_TRIES = 16
LOW_MEMORY_END = 16 << 20  # nothing of ours goes below: ISA holes, firmware, old devices


@fn
def load_monitor(info: BootInfo) -> u64:
    """Fill image and archive of `info`, whose memory map stands already. The image's 32-bit entry, physical."""
    image = image_for(choose_vendor(), info.flags.check_machine)
    directory = Local(Extent)
    open_directory(directory)
    entry = load_image(info, directory, image)
    load_archive(info, directory)
    info.magic = BOOT_INFO_MAGIC
    return entry


@fn
def image_for(vendor: Vendor, check: bool) -> Span:
    """By CPUID; to check a machine that cannot run guests, either image does."""
    if vendor == Vendor.VT_X or (vendor == Vendor.NONE and check):
        return VT_X_IMAGE
    if vendor == Vendor.AMD_V:
        return AMD_V_IMAGE
    if vendor == Vendor.NOT_64_BIT:
        stop("Keelback: this processor is not 64-bit. Use a machine with Intel VT-x or AMD-V.")
    if vendor == Vendor.NO_EXECUTE_DISABLE:
        stop("Keelback: no-execute is off (CPUID 80000001 EDX bit 20). Enable XD or NX in the firmware setup.")
    stop(
        "Keelback: this processor has neither VT-x nor AMD-V (CPUID 1 ECX bit 5, 80000001 ECX bit 2). "
        "Enable virtualization in the firmware setup, or use another machine."
    )


@fn
def open_directory(directory: Extent) -> None:
    root = Local(Extent)
    failure = open_volume(root)
    if failure is not None:
        stop_for_medium(failure, DESCRIPTOR)
    missing = find_file(root, DIRECTORY, directory)
    if missing is not None:
        stop_for_medium(missing, DIRECTORY)


@fn
def load_image(info: BootInfo, directory: Extent, name: Span) -> u64:
    """To the address it is linked for if that is free, else to any 2 MiB boundary: the entry code finds itself."""
    extent = Local(Extent)
    missing = find_file(directory, name, extent)
    if missing is not None:
        stop_for_medium(missing, name)
    beside = find_room(info, u64(SCRATCH_FLOOR), align_up(extent.size, u64(PAGE)), u64(TWO_MIB)) is not None
    scratch = take_room(info, u64(SCRATCH_FLOOR) if beside else u64(LOW_MEMORY_END), extent.size, name)
    read_or_stop(extent, scratch, name)
    file = phys_span(scratch, extent.size)
    plan = Local(ImagePlan)
    fault = measure_image(file, plan)
    if fault is not None:
        stop(f"Keelback: {name} on the boot medium is damaged ({fault}). Write the medium again.")
    base = Hpa(plan.base)
    if plan.base & (TWO_MIB - 1) != 0 or not is_free(info, plan.base, plan.size) or not claim_memory(base, plan.size):
        base = take_room(info, u64(LOW_MEMORY_END), plan.size, name)
        untake(info)
    place_image(file, plan, base)
    release_memory(scratch, align_up(extent.size, u64(PAGE)))
    untake(info)
    info.image_base = base
    info.image_size = plan.size
    return u64(base) + plan.entry


@fn
def load_archive(info: BootInfo, directory: Extent) -> None:
    extent = Local(Extent)
    missing = find_file(directory, ARCHIVE, extent)
    if missing is not None:
        stop_for_medium(missing, ARCHIVE)
    place = take_room(info, u64(info.image_base) + info.image_size, extent.size, ARCHIVE)
    untake(info)
    say(f"Keelback: reading {extent.size >> 10} KiB of guests")
    read_or_stop(extent, place, ARCHIVE)
    info.archive_base = place
    info.archive_size = extent.size


@fn
def take_room(info: BootInfo, floor: u64, size: u64, name: Span) -> Hpa:
    """Whole pages on a 2 MiB boundary, claimed, and marked in the map so that the next one lies elsewhere."""
    whole = align_up(size, u64(PAGE))
    for _ in range(CLAIM_TRIES):
        place = find_room(info, floor, whole, u64(TWO_MIB))
        if place is None or not add_region(info, place, whole, u32(TAKEN)):
            break
        if claim_memory(Hpa(place), whole):
            return Hpa(place)
    stop(
        f"Keelback: {size >> 10} KiB for {name} do not fit into memory below 4 GiB. "
        f"Add memory, or use fewer guest files."
    )


@fn
def untake(info: BootInfo) -> None:
    """Forget the mark of the latest `take_room`."""
    info.region_count = info.region_count - 1


@fn
def read_or_stop(extent: Extent, place: Hpa, name: Span) -> None:
    if not read_medium(extent.offset, phys_span(place, align_up(extent.size, u64(SECTOR)))):
        stop_for_medium(MediumError.UNREADABLE, name)


@fn
def stop_for_medium(error: MediumError, name: Span) -> None:
    if error == MediumError.UNREADABLE:
        stop(f"Keelback: the boot medium fails while reading {name}. Write it again, or use another port or drive.")
    stop(f"Keelback: {name} on the boot medium: {error}. Write the medium again.")
