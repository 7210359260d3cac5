import struct

import pytest

from boot.load.elf import ElfError, ImagePlan, measure_image, place_image
from codegen.lang import Hpa, Local, phys_span, span, u8

VIRTUAL = 0xFFFF_FFFF_8000_0000
PHYSICAL = 16 << 20
Segment = tuple[int, int, int, int, bytes]  # kind, virtual, physical, memory size, content


def elf(segments: list[Segment], entry: int = VIRTUAL + 0x10) -> bytes:
    headers, contents = b"", b""
    offset = 64 + 56 * len(segments)
    for kind, virtual, physical, memory, content in segments:
        headers += struct.pack(
            "<IIQQQQQQ", kind, 5, offset + len(contents), virtual, physical, len(content), memory, 4096
        )
        contents += content
    identification = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    return (
        identification
        + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, entry, 64, 0, 0, 64, 56, len(segments), 0, 0, 0)
        + headers
        + contents
    )


TEXT = (1, VIRTUAL, PHYSICAL, 0x1000, b"code" * 16)
DATA = (1, VIRTUAL + 0x2000, PHYSICAL + 0x2000, 0x3000, b"data")
NOTE = (4, 0, 0, 16, b"n" * 16)


def measured(content: bytes) -> ElfError | tuple[int, int, int]:
    plan = Local(ImagePlan)
    error = measure_image(span(content), plan)
    return error if error is not None else (int(plan.base), int(plan.size), int(plan.entry))


def test_the_plan_spans_the_loaded_segments() -> None:
    assert measured(elf([NOTE, TEXT, DATA])) == (PHYSICAL, 0x5000, 0x10)


def test_segments_are_laid_out_and_the_rest_is_zero() -> None:
    content = elf([TEXT, DATA])
    plan = Local(ImagePlan)
    assert measure_image(span(content), plan) is None
    base = 32 << 20
    memory = phys_span(Hpa(base), 0x5000)
    memory.fill(u8(0xCC))
    place_image(span(content), plan, Hpa(base))
    assert [int(memory[i]) for i in range(4)] == list(b"code")
    assert [int(memory[0x2000 + i]) for i in range(5)] == [*b"data", 0]
    assert int(memory[0x4FFF]) == 0


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", ElfError.TRUNCATED),
        (b"MZ" + bytes(100), ElfError.NOT_ELF64),
        (elf([TEXT])[:100], ElfError.TRUNCATED),
        (elf([TEXT])[:-1], ElfError.BAD_SEGMENT),
        (elf([(1, VIRTUAL, PHYSICAL, 2, b"longer than memory")]), ElfError.BAD_SEGMENT),
        (elf([(1, VIRTUAL, (1 << 64) - 16, 4096, b"x" * 32)]), ElfError.BAD_SEGMENT),
        (elf([(1, VIRTUAL, PHYSICAL, 1 << 63, b"x" * 32)]), ElfError.BAD_SEGMENT),
        (elf([TEXT, (1, VIRTUAL + (1 << 30), PHYSICAL + (1 << 30), 1, b"x")]), ElfError.TOO_LARGE),
        (elf([TEXT], entry=VIRTUAL + 0x999), ElfError.NO_ENTRY),
        (elf([]), ElfError.NO_ENTRY),
    ],
)
def test_a_damaged_image_is_refused(content: bytes, error: ElfError) -> None:
    assert measured(content) == error


def test_a_program_header_table_outside_the_file_is_refused() -> None:
    content = bytearray(elf([TEXT]))
    content[32:40] = struct.pack("<Q", (1 << 64) - 8)
    assert measured(bytes(content)) == ElfError.TRUNCATED
