"""Place a multiboot kernel: by its header's addresses, or by the program headers of ELF32 or ELF64."""

from __future__ import annotations

from codegen.lang import Field, Gpa, Span, Struct, fn, len, max, range, u64, usize
from hypervisor.memory.guest import GuestMemory, copy_out
from hypervisor.vm.boot.error import BootError
from hypervisor.vm.boot.multiboot_layout import (
    ELF_CLASS_32,
    ELF_CLASS_64,
    ELF_MAGIC,
    FLAG_ADDRESSES,
    FLAGS_UNKNOWN,
    HEADER_MAGIC,
    HEADER_SEARCH,
    PT_LOAD,
    Elf32Header,
    Elf32Segment,
    Elf64Header,
    Elf64Segment,
    MultibootHeader,
)


class LoadedKernel(Struct):
    """Where the kernel lies and starts."""

    entry: Field[u64]
    end: Field[u64]  # first address behind it, bss included


@fn
def find_header(kernel: Span) -> usize | None:
    """Offset of the multiboot header; None when there is none with a right checksum."""
    offset = usize(0)
    while offset < HEADER_SEARCH:
        words = kernel.view(offset, MultibootHeader)
        if words is None:
            return None
        if words.magic == HEADER_MAGIC and words.magic.wrapping_add(words.flags).wrapping_add(words.checksum) == 0:
            return offset
        offset = offset + 4
    return None


@fn
def place_kernel(memory: GuestMemory, kernel: Span, into: LoadedKernel) -> BootError | None:
    """Copy the kernel into the guest's zeroed RAM and fill `into`."""
    at = find_header(kernel)
    if at is None:
        return BootError.KERNEL_UNKNOWN
    header = kernel.view(at, MultibootHeader)
    if header is None:
        return BootError.KERNEL_TRUNCATED
    if header.flags & FLAGS_UNKNOWN != 0:
        return BootError.KERNEL_UNKNOWN
    if header.flags & FLAG_ADDRESSES != 0:
        return place_by_addresses(memory, kernel, at, header, into)
    elf = kernel.view(usize(0), Elf64Header)
    if elf is None or elf.magic != ELF_MAGIC:
        return BootError.KERNEL_UNKNOWN
    if elf.file_class == ELF_CLASS_64:
        return place_elf64(memory, kernel, elf, into)
    narrow = kernel.view(usize(0), Elf32Header)
    if narrow is None or narrow.file_class != ELF_CLASS_32:
        return BootError.KERNEL_UNKNOWN
    return place_elf32(memory, kernel, narrow, into)


@fn
def place_by_addresses(
    memory: GuestMemory, kernel: Span, at: usize, header: MultibootHeader, into: LoadedKernel
) -> BootError | None:
    """The address kind (specification 3.1.3): load_end 0 means the whole file, bss_end 0 no bss."""
    back = u64(header.header_address).wrapping_sub(u64(header.load_address))
    if back > u64(at):
        return BootError.KERNEL_TRUNCATED
    start = at - usize(back)
    size = len(kernel) - start
    if header.load_end != 0:
        if header.load_end < header.load_address:
            return BootError.KERNEL_TRUNCATED
        size = usize(header.load_end) - usize(header.load_address)
    error = place_segment(memory, kernel, u64(start), u64(header.load_address), u64(size), u64(size), into)
    if error is not None:
        return error
    into.end = max(into.end, u64(header.bss_end))
    into.entry = u64(header.entry)
    return None


@fn
def place_segment(
    memory: GuestMemory, kernel: Span, offset: u64, address: u64, file_size: u64, memory_size: u64, into: LoadedKernel
) -> BootError | None:
    """One segment; the rest of its memory is zero already."""
    if file_size > memory_size or offset > u64(len(kernel)) or file_size > u64(len(kernel)) - offset:
        return BootError.KERNEL_TRUNCATED
    if address > 0xFFFF_FFFF or memory_size > 0xFFFF_FFFF:
        return BootError.MEMORY_TOO_SMALL
    if copy_out(memory, Gpa(address), kernel.slice(usize(offset), usize(file_size))) is not None:
        return BootError.MEMORY_TOO_SMALL
    into.end = max(into.end, address + memory_size)
    return None


@fn
def place_elf32(memory: GuestMemory, kernel: Span, elf: Elf32Header, into: LoadedKernel) -> BootError | None:
    """PT_LOAD segments at their physical addresses."""
    into.entry = u64(elf.entry)
    for i in range(u64(elf.program_header_count)):
        at = u64(elf.program_headers) + i * u64(elf.program_header_size)
        segment = kernel.view(usize(at), Elf32Segment)
        if segment is None:
            return BootError.KERNEL_TRUNCATED
        if segment.type == PT_LOAD:
            error = place_segment(
                memory,
                kernel,
                u64(segment.offset),
                u64(segment.physical),
                u64(segment.file_size),
                u64(segment.memory_size),
                into,
            )
            if error is not None:
                return error
            inside = u64(elf.entry).wrapping_sub(u64(segment.virtual))
            if inside < u64(segment.memory_size):
                into.entry = u64(segment.physical) + inside
    return None


@fn
def place_elf64(memory: GuestMemory, kernel: Span, elf: Elf64Header, into: LoadedKernel) -> BootError | None:
    """The same for ELF64."""
    into.entry = elf.entry
    if elf.program_headers > u64(len(kernel)):
        return BootError.KERNEL_TRUNCATED
    for i in range(u64(elf.program_header_count)):
        at = elf.program_headers + i * u64(elf.program_header_size)
        segment = kernel.view(usize(at), Elf64Segment)
        if segment is None:
            return BootError.KERNEL_TRUNCATED
        if segment.type == PT_LOAD:
            error = place_segment(
                memory, kernel, segment.offset, segment.physical, segment.file_size, segment.memory_size, into
            )
            if error is not None:
                return error
            inside = elf.entry.wrapping_sub(segment.virtual)
            if inside < segment.memory_size:
                into.entry = segment.physical + inside
    return None
