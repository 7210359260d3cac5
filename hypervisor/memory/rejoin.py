"""Runs that were split for single frames become whole again when all their frames are free: guests' RAM comes in
runs."""

from __future__ import annotations

from codegen.lang import fn, u8, u32
from hypervisor.memory.frames import FRAMES, FRAMES_PER_RUN, run_at
from hypervisor.memory.owner import Owner


@fn(cold=True)
def rejoin_runs() -> None:
    """After much was given back, and not while `release_frames` runs: splits change their places. A split with free
    frames stays for whoever wants one next."""
    with FRAMES.lock:
        index = FRAMES.split_count
        while index > 0:
            index -= 1
            if FRAMES.splits[index].free == FRAMES_PER_RUN and FRAMES.free_frames > FRAMES_PER_RUN:
                rejoin(index)


@fn(cold=True)
def rejoin(index: u32) -> None:
    """One run; the last split takes the place of its split."""
    split = FRAMES.splits[index]
    run_at(split.run).owner = u8(Owner.FREE)
    FRAMES.free_runs += 1
    FRAMES.free_frames -= FRAMES_PER_RUN
    FRAMES.split_count -= 1
    if index != FRAMES.split_count:
        split.copy_from(FRAMES.splits[FRAMES.split_count])
        run_at(split.run).split = u8(index)
