"""The image's ELF64 file: checked, measured, and laid out at its physical base (System V ABI, chapters 4 and 5)."""

from __future__ import annotations

from codegen.lang import (
    Field,
    Hpa,
    HwEnum,
    Span,
    Struct,
    at,
    fn,
    len,
    max,
    min,
    phys_span,
    range,
    sizeof,
    u8,
    u16,
    u32,
    u64,
    usize,
)

MAGIC = 0x464C457F
CLASS_64 = 2
MACHINE_X86_64 = 62
LOAD = 1
IMAGE_MAX = 64 << 20  # bytes; also what the entry code maps
SEGMENTS_MAX = 32


class ElfError(HwEnum, repr=u32):
    """What is wrong with the file."""

    NOT_ELF64 = 1
    TRUNCATED = 2
    BAD_SEGMENT = 3
    TOO_LARGE = 4
    NO_ENTRY = 5


class ElfHeader(Struct, size=64, align=1):
    magic: Field[u32] = at(0)
    class_: Field[u8] = at(4)
    machine: Field[u16] = at(18)
    entry: Field[u64] = at(24)  # virtual
    program_headers: Field[u64] = at(32)  # offset in the file
    program_header_size: Field[u16] = at(54)
    program_header_count: Field[u16] = at(56)


class ProgramHeader(Struct, size=56, align=1):
    kind: Field[u32] = at(0)
    offset: Field[u64] = at(8)
    virtual: Field[u64] = at(16)
    physical: Field[u64] = at(24)
    file_size: Field[u64] = at(32)
    memory_size: Field[u64] = at(40)


class ImagePlan(Struct):
    """Where the image wants to lie, and how much it needs."""

    base: Field[u64]  # physical, lowest byte
    size: Field[u64]  # to the end of .bss
    entry: Field[u64]  # offset of the 32-bit entry from `base`; the 64-bit entry is 16 bytes behind it


@fn
def measure_image(file: Span, plan: ImagePlan) -> ElfError | None:
    """Check everything that `place_image` relies on, and fill `plan`."""
    header = file.view(usize(0), ElfHeader)
    if header is None:
        return ElfError.TRUNCATED
    if header.magic != MAGIC or header.class_ != CLASS_64 or header.machine != MACHINE_X86_64:
        return ElfError.NOT_ELF64
    if header.program_header_size != sizeof(ProgramHeader) or header.program_header_count > SEGMENTS_MAX:
        return ElfError.NOT_ELF64
    low = u64(0xFFFF_FFFF)
    high = u64(0)
    entry = u64(0)
    entered = False
    for i in range(usize(header.program_header_count)):
        segment = segment_at(file, header, i)
        if segment is None:
            return ElfError.TRUNCATED
        if segment.kind == LOAD and segment.memory_size != 0:
            if not fits(segment, u64(len(file))):
                return ElfError.BAD_SEGMENT
            low = min(low, segment.physical)
            high = max(high, segment.physical + segment.memory_size)
            if header.entry >= segment.virtual and header.entry - segment.virtual < segment.file_size:
                entry = segment.physical + (header.entry - segment.virtual)
                entered = True
    if not entered:
        return ElfError.NO_ENTRY
    if high - low > IMAGE_MAX:
        return ElfError.TOO_LARGE
    plan.base = low
    plan.size = high - low
    plan.entry = entry - low
    return None


@fn
def place_image(file: Span, plan: ImagePlan, base: Hpa) -> None:
    """Copy the segments to `base` on (plan.size bytes of RAM), zeroes where the file has none. After measure_image."""
    header = file.view(usize(0), ElfHeader)
    assert header is not None
    phys_span(base, plan.size).fill(u8(0))
    for i in range(usize(header.program_header_count)):
        segment = segment_at(file, header, i)
        assert segment is not None
        if segment.kind == LOAD and segment.file_size != 0:
            target = phys_span(base + (segment.physical - plan.base), segment.file_size)
            target.copy_from(file.slice(usize(segment.offset), usize(segment.file_size)))


@fn
def segment_at(file: Span, header: ElfHeader, index: usize) -> ProgramHeader | None:
    if header.program_headers > u64(len(file)):
        return None
    return file.view(usize(header.program_headers) + index * sizeof(ProgramHeader), ProgramHeader)


@fn
def fits(segment: ProgramHeader, file_size: u64) -> bool:
    """Whether the segment's bytes are in the file, and its place is below 4 GiB."""
    if segment.offset > file_size or segment.file_size > file_size - segment.offset:
        return False
    if segment.file_size > segment.memory_size or segment.memory_size > IMAGE_MAX:
        return False
    return segment.physical <= u64(0xFFFF_FFFF - IMAGE_MAX)
