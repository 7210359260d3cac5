"""Runs become whole again, and every frame that is in use stays whose it was."""

from __future__ import annotations

import random

import pytest

from codegen.lang import Hpa, u8, u32, u64
from hypervisor.memory.frames import (
    FRAMES,
    FRAMES_PER_RUN,
    RUN,
    allocate_frame,
    allocate_frames,
    free_bytes,
    owner_of,
    release_frame,
)
from hypervisor.memory.owner import Owner, guest_tables_owner
from hypervisor.memory.rejoin import rejoin_runs
from tests.memory.test_frames import FRAME, FREE, MIB, start

OWNERS = [u8(Owner.MONITOR), guest_tables_owner(u32(0)), guest_tables_owner(u32(1))]


@pytest.mark.parametrize("seed", range(6))
def test_what_is_in_use_stays_and_what_is_free_is_whole(seed: int) -> None:
    start((MIB, 40 * MIB))
    choice = random.Random(seed)
    held: dict[int, tuple[Hpa, int, u8]] = {}
    for _ in range(12):
        for _ in range(choice.randrange(1, 8)):
            wanted, owner = choice.choice([1, 30, 300, FRAMES_PER_RUN]), choice.choice(OWNERS)
            if (place := allocate_frames(u32(wanted), owner)) is not None:
                held[int(place)] = (place, wanted, owner)
        for key in choice.sample(sorted(held), choice.randrange(len(held) + 1)):
            place, wanted, owner = held.pop(key)
            for number in range(wanted):
                release_frame(place + u64(number * FRAME), owner)
        free = int(free_bytes())
        rejoin_runs()
        assert int(free_bytes()) == free
        splits = [FRAMES.splits[index] for index in range(int(FRAMES.split_count))]
        whole = [split for split in splits if split.free == FRAMES_PER_RUN]
        assert len(whole) <= 1 and (not whole or int(FRAMES.free_frames) == FRAMES_PER_RUN)
        assert sum(int(split.free) for split in splits) == int(FRAMES.free_frames)
        for place, wanted, owner in held.values():
            assert {int(owner_of(place + u64(number * FRAME))) for number in range(wanted)} == {int(owner)}
        used = sum(wanted for _, wanted, _ in held.values()) * FRAME
        assert used + free == 39 * MIB - FRAME
    assert allocate_frame(OWNERS[0]) is not None


def test_a_part_of_a_run_never_becomes_a_whole_one() -> None:
    start((MIB, 6 * MIB + 3 * FRAME))
    frames = [allocate_frames(u32(3), OWNERS[0]) for _ in range(3)]
    for place in frames:
        assert place is not None
        for number in range(3):
            release_frame(place + u64(number * FRAME), OWNERS[0])
    rejoin_runs()
    assert int(FRAMES.free_runs) == 2
    assert owner_of(Hpa(6 * MIB)) == FREE and owner_of(Hpa(6 * MIB + 3 * FRAME)) == u8(Owner.NONE)
    assert owner_of(Hpa(2 * RUN)) == FREE
