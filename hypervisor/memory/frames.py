"""All RAM and its owners: 2 MiB runs, and single 4 KiB frames out of runs that are split.

The table of runs is as long as the RAM is high and lies in RAM itself. Frames are scrubbed when they get an owner and
again when they lose it. Small things come from below, guests' RAM from above: neither breaks up the other's runs.

FRAMES.lock guards the books. Scrubbing goes on without it: nobody else touches what has its owner already, or is
LEAVING.
"""

from __future__ import annotations

from codegen.lang import Array, Field, Hpa, Struct, count, fn, max, min, phys, range, storage, u8, u32, u64
from hypervisor.cpu.spin_lock import LockPlace, SpinLock, lock_start
from hypervisor.memory.owner import Owner
from hypervisor.memory.regions import FRAME, RegionList
from hypervisor.memory.scrub import scrub

RUN = 2 << 20
FRAMES_PER_RUN = RUN // FRAME
SPLITS_MAX = 256  # 512 MiB of single frames
MAPPED_LIMIT = 1 << 32  # the loader's direct map ends here: the table of runs must lie below


class Run(Struct, size=2, align=2):
    """Two bytes for each 2 MiB of physical address space."""

    owner: Field[u8]  # Owner, or a guest's number
    split: Field[u8]  # index into SPLITS while the owner is SPLIT


class Split(Struct):
    """A run whose frames have owners of their own."""

    run: Field[u64]
    free: Field[u32]
    lowest: Field[u32]  # no frame below it is free
    owners: Array[u8] = count(FRAMES_PER_RUN)


class FrameState(Struct):
    """The books."""

    lock: SpinLock
    table: Field[Hpa]  # of Run
    run_count: Field[u64]
    free_runs: Field[u64]
    free_frames: Field[u64]  # in splits
    split_count: Field[u32]
    splits: Array[Split] = count(SPLITS_MAX)
    usable: RegionList  # RAM as it was found, less what was reserved


FRAMES = storage(FrameState)


@fn
def run_at(number: u64) -> Run:
    """The record of run `number`, below `run_count`."""
    assert number < FRAMES.run_count
    return phys(Run, FRAMES.table + number * 2)


@fn(cold=True)
def frames_reserve(base: Hpa, length: u64) -> None:
    """Before `frames_start`: this RAM is in use already."""
    FRAMES.usable.remove(u64(base), u64(base) + length)


@fn(cold=True)
def frames_start() -> bool:
    """Make the books of FRAMES.usable. False when no RAM is left for the table of runs."""
    lock_start(FRAMES.lock, LockPlace.FRAMES)
    runs = (FRAMES.usable.top() + (RUN - 1)) // RUN
    table = place_for_table(runs * 2)
    if table is None:
        return False
    FRAMES.table = table
    FRAMES.run_count = runs
    scrub(table, (runs * 2 + 7) & ~7)
    for i in range(FRAMES.usable.region_count):
        region = FRAMES.usable.regions[i]
        add_region(region.base, region.end)
    return True


@fn(cold=True)
def place_for_table(length: u64) -> Hpa | None:
    """Reserve the lowest frames that hold the table of runs."""
    size = (length + (FRAME - 1)) & ~(FRAME - 1)
    for i in range(FRAMES.usable.region_count):
        region = FRAMES.usable.regions[i]
        if region.end - region.base >= size and region.base + size <= MAPPED_LIMIT:
            place = region.base
            FRAMES.usable.remove(place, place + size)
            return Hpa(place)
    return None


@fn(cold=True)
def add_region(base: u64, end: u64) -> None:
    """Whole runs become FREE; the frames before and after them become a split each, as far as there are splits."""
    first_run = (base + (RUN - 1)) // RUN
    end_run = end // RUN
    if first_run > end_run:  # inside one run
        add_frames(base, end)
        return
    add_frames(base, first_run * RUN)
    for number in range(first_run, end_run):
        run_at(number).owner = u8(Owner.FREE)
    FRAMES.free_runs += end_run - first_run
    add_frames(end_run * RUN, end)


@fn(cold=True)
def add_frames(base: u64, end: u64) -> None:
    """Frames of one partial run become free."""
    if base >= end:
        return
    split = split_of(base // RUN)
    if split is None:
        return
    for address in range(base, end, FRAME):
        split.owners[(address % RUN) // FRAME] = u8(Owner.FREE)
    frames = (end - base) // FRAME
    split.free += u32(frames)
    FRAMES.free_frames += frames


@fn
def split_of(number: u64) -> Split | None:
    """The split of this run; a run that is none becomes one, with all frames NONE. None when SPLITS_MAX is reached."""
    run = run_at(number)
    if run.owner == u8(Owner.SPLIT):
        return FRAMES.splits[run.split]
    if FRAMES.split_count == SPLITS_MAX:
        return None
    split = FRAMES.splits[FRAMES.split_count]
    split.zero()
    split.run = number
    run.owner = u8(Owner.SPLIT)
    run.split = u8(FRAMES.split_count)
    FRAMES.split_count += 1
    return split


# ---- single frames ----


@fn
def allocate_frame(owner: u8) -> Hpa | None:
    """One zeroed frame, 4096 bytes. None when RAM is used up."""
    return allocate_frames(u32(1), owner)


@fn
def allocate_frames(wanted: u32, owner: u8) -> Hpa | None:
    """`wanted` zeroed frames (1 to 512) in one piece, never across a 2 MiB line. None when there are none."""
    hpa = take_frames(wanted, owner)
    if hpa is not None:
        scrub(hpa, u64(wanted) * FRAME)
    return hpa


@fn
def take_frames(wanted: u32, owner: u8) -> Hpa | None:
    """The same, not zeroed yet."""
    with FRAMES.lock:
        for i in range(FRAMES.split_count):
            split = FRAMES.splits[i]
            if split.free >= wanted:
                first = free_frames_in(split, wanted)
                if first is not None:
                    return assign_frames(split, first, wanted, owner)
        fresh = split_free_run()
        if fresh is None:
            return None
        return assign_frames(fresh, u32(0), wanted, owner)


@fn
def free_frames_in(split: Split, wanted: u32) -> u32 | None:
    """The first of `wanted` free frames in a row."""
    length = u32(0)
    for i in range(split.lowest, u32(FRAMES_PER_RUN)):
        if split.owners[i] == u8(Owner.FREE):
            length += 1
            if length == wanted:
                return i + 1 - wanted
        else:
            length = u32(0)
    return None


@fn
def split_free_run() -> Split | None:
    """The lowest free run becomes a split with all its frames free."""
    for number in range(FRAMES.run_count):
        if run_at(number).owner == u8(Owner.FREE):
            split = split_of(number)
            if split is None:
                return None
            for i in range(FRAMES_PER_RUN):
                split.owners[i] = u8(Owner.FREE)
            split.free = FRAMES_PER_RUN
            FRAMES.free_runs -= 1
            FRAMES.free_frames += FRAMES_PER_RUN
            return split
    return None


@fn
def assign_frames(split: Split, first: u32, wanted: u32, owner: u8) -> Hpa:
    """FREE to `owner`."""
    for i in range(first, first + wanted):
        split.owners[i] = owner
    if first == split.lowest:
        split.lowest = first + wanted
    split.free -= wanted
    FRAMES.free_frames -= u64(wanted)
    return Hpa(split.run * RUN + u64(first) * FRAME)


@fn
def release_frame(hpa: Hpa, owner: u8) -> None:
    """Give one frame back. Traps when `owner` does not own it: the books would lie."""
    assert change_frame(hpa, owner, u8(Owner.LEAVING))
    scrub(hpa & ~(FRAME - 1), u64(FRAME))
    assert change_frame(hpa, u8(Owner.LEAVING), u8(Owner.FREE))


@fn
def change_frame(hpa: Hpa, before: u8, after: u8) -> bool:
    """A single frame's next owner. False when `before` is not its owner."""
    with FRAMES.lock:
        run = run_at(u64(hpa) // RUN)
        if run.owner != u8(Owner.SPLIT):
            return False
        split = FRAMES.splits[run.split]
        index = (u64(hpa) % RUN) // FRAME
        if split.owners[index] != before:
            return False
        split.owners[index] = after
        if after == u8(Owner.FREE):
            split.lowest = min(split.lowest, u32(index))
            split.free += 1
            FRAMES.free_frames += 1
        return True


# ---- whole runs ----


@fn
def allocate_runs(wanted: u64, owner: u8) -> Hpa | None:
    """`wanted` zeroed runs (2 MiB each) in one piece, the highest there are. None when there are none."""
    hpa = take_runs(wanted, owner)
    if hpa is not None:
        scrub(hpa, wanted * RUN)
    return hpa


@fn
def take_runs(wanted: u64, owner: u8) -> Hpa | None:
    """The same, not zeroed: the owner does it, piece by piece, before a guest sees them."""
    with FRAMES.lock:
        length = u64(0)
        number = FRAMES.run_count
        while number > 0:
            number -= 1
            if run_at(number).owner == u8(Owner.FREE):
                length += 1
                if length == wanted:
                    return assign_runs(number, wanted, owner)
            else:
                length = u64(0)
        return None


@fn
def assign_runs(first: u64, wanted: u64, owner: u8) -> Hpa:
    """FREE to `owner`."""
    for number in range(first, first + wanted):
        run_at(number).owner = owner
    FRAMES.free_runs -= wanted
    return Hpa(first * RUN)


@fn
def change_run(number: u64, before: u8, after: u8) -> bool:
    """A whole run's next owner. False when `before` is not its owner."""
    with FRAMES.lock:
        if run_at(number).owner != before:
            return False
        run_at(number).owner = after
        if after == u8(Owner.FREE):
            FRAMES.free_runs += 1
        return True


@fn
def release_run(hpa: Hpa, owner: u8) -> None:
    """Give one run back. Traps when `owner` does not own it: the books would lie."""
    assert change_run(u64(hpa) // RUN, owner, u8(Owner.LEAVING))
    scrub(hpa, u64(RUN))
    assert change_run(u64(hpa) // RUN, u8(Owner.LEAVING), u8(Owner.FREE))


@fn
def return_runs(hpa: Hpa, count: u64, owner: u8) -> None:
    """Give runs back that nobody has written to since `take_runs`."""
    for i in range(count):
        assert change_run(u64(hpa) // RUN + i, owner, u8(Owner.FREE))


@fn
def release_frames(owner: u8) -> None:
    """Take back all single frames that `owner` has."""
    for i in range(splits_in_use()):
        first = Hpa(FRAMES.splits[i].run * RUN)  # of a split that is in use: `rejoin_runs` does not run now
        for frame in range(u64(FRAMES_PER_RUN)):
            if FRAMES.splits[i].owners[frame] == owner:  # without the lock: what is the owner's stays so
                release_frame(first + frame * FRAME, owner)


@fn
def release_all(owner: u8) -> None:
    """Take back everything that `owner` has."""
    for number in range(FRAMES.run_count):
        if run_at(number).owner == owner:
            release_run(Hpa(number * RUN), owner)
    release_frames(owner)


@fn
def splits_in_use() -> u32:
    """How many there are by now."""
    with FRAMES.lock:
        return FRAMES.split_count


# ---- questions ----


@fn
def owner_of(hpa: Hpa) -> u8:
    """Who owns the frame at `hpa`; NONE for what is not RAM."""
    with FRAMES.lock:
        return owner_in_books(hpa)


@fn
def owner_in_books(hpa: Hpa) -> u8:
    """The same for who has the lock."""
    if u64(hpa) // RUN >= FRAMES.run_count:
        return u8(Owner.NONE)
    run = run_at(u64(hpa) // RUN)
    if run.owner == u8(Owner.SPLIT):
        return FRAMES.splits[run.split].owners[(u64(hpa) % RUN) // FRAME]
    return run.owner


@fn
def owned_throughout(hpa: Hpa, length: u64, owner: u8) -> bool:
    """Every frame belongs to `owner`; a run with one owner takes one look."""
    with FRAMES.lock:
        offset = u64(0)
        while offset < length:
            if owner_in_books(hpa + offset) != owner:
                return False
            whole = run_at((u64(hpa) + offset) // RUN).owner != u8(Owner.SPLIT)
            offset += RUN - (u64(hpa) + offset) % RUN if whole else u64(FRAME)
        return True


@fn(cold=True)
def free_memory() -> tuple[u64, u64, u64]:
    """RAM that has no owner, at one moment: in bytes, and as whole runs and frames beside them."""
    with FRAMES.lock:
        runs, frames = FRAMES.free_runs, FRAMES.free_frames
    return runs * RUN + frames * FRAME, runs, frames


@fn(cold=True)
def free_bytes() -> u64:
    """RAM that has no owner."""
    free, _, _ = free_memory()
    return free


@fn
def largest_free_piece() -> u64:
    """Bytes of the longest row of free runs: the most that one guest can get."""
    with FRAMES.lock:
        longest = u64(0)
        length = u64(0)
        for number in range(FRAMES.run_count):
            length = length + 1 if run_at(number).owner == u8(Owner.FREE) else u64(0)
            longest = max(longest, length)
        return longest * RUN
