import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.lang import Array, Field, Gpa, Hpa, Struct, count, host, span_of, storage, u8, u16, u32, u64
from hypervisor.memory.fault import Fault
from hypervisor.memory.guest import (
    GuestMemory,
    add_slot,
    copy_in,
    copy_out,
    fill,
    read_u8,
    read_u16,
    read_u32,
    read_u64,
    write_u8,
    write_u16,
    write_u32,
    write_u64,
)

FRAME = 4096
MEMORY = storage(GuestMemory)
# Slots 0 and 1 meet in guest-physical space but not in the host's; slot 2 is read-only.
SLOTS = [(0, FRAME, 0x10_0000, True), (FRAME, FRAME, 0x30_0000, True), (0x10_0000, FRAME, 0x50_0000, False)]
WIDTHS = [
    (1, read_u8, write_u8, u8),
    (2, read_u16, write_u16, u16),
    (4, read_u32, write_u32, u32),
    (8, read_u64, write_u64, u64),
]


class Buffer(Struct):
    size: Field[u32]
    bytes: Array[u8] = count(3 * FRAME)


BUFFER = storage(Buffer)


@pytest.fixture(autouse=True)
def slots(fresh_machine: None) -> None:
    for gpa, size, hpa, writable in SLOTS:
        add_slot(MEMORY, Gpa(gpa), u64(size), Hpa(hpa), writable)


@pytest.mark.parametrize(("width", "read", "write", "kind"), WIDTHS)
@pytest.mark.parametrize("gpa", [0, 1, FRAME - 8, FRAME - 3, FRAME - 1, 2 * FRAME - 8])
def test_what_is_written_is_read_at_any_alignment_and_across_slots(width, read, write, kind, gpa) -> None:  # type: ignore[no-untyped-def]
    value = kind.trunc(u64(0x1122_3344_5566_7788))
    assert write(MEMORY, Gpa(gpa), value) is None
    assert read(MEMORY, Gpa(gpa)) == value
    inside = [host.memory.read(Hpa(0x10_0000 + gpa + i) if gpa + i < FRAME else Hpa(0x30_0000 + gpa + i - FRAME), 1)
              for i in range(width)]  # fmt: skip
    assert b"".join(inside) == int(value).to_bytes(width, "little")


@pytest.mark.parametrize(("width", "read", "write", "kind"), WIDTHS)
@pytest.mark.parametrize("gpa", [2 * FRAME, 0xF_FFFF, 1 << 47, (1 << 64) - 1, (1 << 64) - 4])
def test_what_is_no_ram_faults(width, read, write, kind, gpa) -> None:  # type: ignore[no-untyped-def]
    assert read(MEMORY, Gpa(gpa)) == Fault.NO_MEMORY
    assert write(MEMORY, Gpa(gpa), kind(0)) == Fault.NO_MEMORY


def test_an_access_over_the_end_of_ram_changes_nothing() -> None:
    assert write_u32(MEMORY, Gpa(2 * FRAME - 2), u32(0xFFFF_FFFF)) == Fault.NO_MEMORY
    assert host.memory.read(Hpa(0x30_0000 + FRAME - 2), 2) == bytes(2)
    assert read_u32(MEMORY, Gpa(2 * FRAME - 2)) == Fault.NO_MEMORY


def test_a_read_only_slot_is_read_but_not_written() -> None:
    host.memory.write(Hpa(0x50_0000), b"\x2a")
    assert read_u8(MEMORY, Gpa(0x10_0000)) == u8(42)
    assert write_u8(MEMORY, Gpa(0x10_0000), u8(1)) == Fault.READ_ONLY
    assert fill(MEMORY, Gpa(0x10_0000), u64(1), u8(1)) == Fault.READ_ONLY


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2 * FRAME + 16), st.binary(max_size=300))
def test_copies_arrive_whole_or_not_at_all(gpa: int, content: bytes) -> None:
    host.memory.write(Hpa(0x10_0000), bytes(FRAME))
    host.memory.write(Hpa(0x30_0000), bytes(FRAME))
    source = span_of(BUFFER).slice(4, len(content))
    source.copy_from(content)  # type: ignore[arg-type]
    fault = copy_out(MEMORY, Gpa(gpa), source)
    ram = host.memory.read(Hpa(0x10_0000), FRAME) + host.memory.read(Hpa(0x30_0000), FRAME)
    if gpa + len(content) <= 2 * FRAME:
        assert fault is None
        assert ram[gpa : gpa + len(content)] == content
        source.fill(0)
        assert copy_in(MEMORY, Gpa(gpa), source) is None
        assert bytes(source) == content
    elif content:
        assert fault == Fault.NO_MEMORY
        assert ram == bytes(2 * FRAME)


def test_a_range_that_wraps_is_refused() -> None:
    assert fill(MEMORY, Gpa(FRAME), u64((1 << 64) - 1), u8(0)) == Fault.NO_MEMORY
