import pytest

from codegen.lang import Hpa, Trap, host, u8, u32, u64
from hypervisor.memory.frames import (
    FRAMES,
    FRAMES_PER_RUN,
    RUN,
    allocate_frame,
    allocate_frames,
    allocate_runs,
    frames_reserve,
    frames_start,
    free_bytes,
    largest_free_piece,
    owner_of,
    release_all,
    release_frame,
)
from hypervisor.memory.owner import Owner, guest_ram_owner, guest_tables_owner

MIB = 1 << 20
FRAME = 4096
MONITOR = u8(Owner.MONITOR)
FREE = u8(Owner.FREE)
NONE = u8(Owner.NONE)
GUEST = guest_ram_owner(u32(0))


def start(*regions: tuple[int, int]) -> None:
    for base, end in regions:
        FRAMES.usable.add(u64(base), u64(end))
    assert frames_start()


@pytest.fixture
def machine() -> None:
    start((MIB, 64 * MIB))


def test_all_ram_but_the_books_is_free(machine: None) -> None:
    assert int(free_bytes()) == 63 * MIB - FRAME
    assert owner_of(Hpa(0)) == NONE
    assert owner_of(Hpa(MIB)) == NONE  # the table of runs
    assert owner_of(Hpa(MIB + FRAME)) == FREE
    assert owner_of(Hpa(64 * MIB)) == NONE
    assert owner_of(Hpa(1 << 51)) == NONE


def test_frames_come_zeroed_from_below_and_have_an_owner(machine: None) -> None:
    host.memory.write(Hpa(MIB + FRAME), b"\xff" * FRAME)
    frame = allocate_frame(MONITOR)
    assert frame == Hpa(MIB + FRAME)
    assert host.memory.read(frame, FRAME) == bytes(FRAME)
    assert owner_of(frame) == MONITOR


def test_no_frame_is_given_twice(machine: None) -> None:
    frames = [allocate_frame(MONITOR) for _ in range(600)]
    assert len({int(frame) for frame in frames if frame is not None}) == 600


def test_frames_in_one_piece_stay_inside_a_run(machine: None) -> None:
    allocate_frames(u32(100), MONITOR)
    piece = allocate_frames(u32(FRAMES_PER_RUN), MONITOR)
    assert piece is not None and int(piece) % RUN == 0
    for offset in range(0, RUN, FRAME):
        assert owner_of(piece + u64(offset)) == MONITOR


def test_runs_come_zeroed_from_above_in_one_piece(machine: None) -> None:
    host.memory.write(Hpa(63 * MIB), b"\xff" * MIB)
    ram = allocate_runs(u64(8), GUEST)
    assert ram == Hpa(48 * MIB)
    assert host.memory.read(ram, 16 * MIB) == bytes(16 * MIB)
    assert owner_of(ram) == GUEST
    assert owner_of(ram + u64(16 * MIB - 1)) == GUEST
    assert allocate_runs(u64(24), GUEST) is None
    assert int(largest_free_piece()) == 46 * MIB


def test_a_hole_is_never_part_of_a_piece() -> None:
    start((2 * MIB, 16 * MIB), (18 * MIB, 32 * MIB))
    assert allocate_runs(u64(8), GUEST) is None
    assert allocate_runs(u64(7), GUEST) == Hpa(18 * MIB)


def test_release_scrubs_and_frees(machine: None) -> None:
    before = free_bytes()
    frame = allocate_frame(MONITOR)
    assert frame is not None
    host.memory.write(frame, b"secret")
    release_frame(frame, MONITOR)
    assert host.memory.read(frame, 6) == bytes(6)
    assert owner_of(frame) == FREE
    assert free_bytes() == before
    assert allocate_frame(MONITOR) == frame


def test_only_the_owner_can_release(machine: None) -> None:
    frame = allocate_frame(MONITOR)
    assert frame is not None
    with pytest.raises(Trap):
        release_frame(frame, GUEST)
    release_frame(frame, MONITOR)
    with pytest.raises(Trap):
        release_frame(frame, MONITOR)


def test_the_end_of_a_vm_gives_everything_back_scrubbed(machine: None) -> None:
    before = free_bytes()
    ram = allocate_runs(u64(4), GUEST)
    tables = allocate_frame(guest_tables_owner(u32(0)))
    other = allocate_frame(guest_tables_owner(u32(1)))
    assert ram is not None and tables is not None and other is not None
    host.memory.write(ram, b"secret")
    release_all(GUEST)
    release_all(guest_tables_owner(u32(0)))
    assert host.memory.read(ram, 6) == bytes(6)
    assert owner_of(other) == guest_tables_owner(u32(1))
    assert free_bytes() == before - FRAME


def test_what_is_reserved_is_never_handed_out() -> None:
    FRAMES.usable.add(u64(MIB), u64(8 * MIB))
    frames_reserve(Hpa(4 * MIB), u64(MIB))
    assert frames_start()
    got = []
    while (frame := allocate_frame(MONITOR)) is not None:
        got.append(int(frame))
    assert len(got) == (6 * MIB) // FRAME - 1
    assert not any(4 * MIB <= address < 5 * MIB for address in got)
    assert int(free_bytes()) == 0


def test_without_ram_there_is_no_start() -> None:
    assert not frames_start()
    FRAMES.usable.add(u64(8 << 30), u64(9 << 30))
    assert not frames_start()
