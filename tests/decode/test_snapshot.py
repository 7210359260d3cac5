from __future__ import annotations

import pytest

from codegen.lang import storage
from hypervisor.exits.decode.snapshot import Snapshot, take_snapshot
from hypervisor.memory.fault import Fault
from tests.played_guest.machine import RAM, everywhere, new_machine, put, set_mode

SNAPSHOT = storage(Snapshot)
CODE = bytes(range(0x41, 0x41 + 32))
PAGE = 4096
SMALL_TABLE = 0x4000


def snapshot(run, bits, rip):
    vcpu = new_machine()
    put(RAM - len(CODE), CODE)
    set_mode(vcpu, bits, rip)
    SNAPSHOT.zero()
    return lambda: run(take_snapshot, vcpu, SNAPSHOT)


def taken():
    return bytes(int(SNAPSHOT.bytes[i]) for i in range(int(SNAPSHOT.count)))


@everywhere
@pytest.mark.parametrize("bits", [16, 32, 64])
@pytest.mark.parametrize("left", [32, 16, 15, 14, 8, 1])
def test_a_snapshot_ends_with_the_guests_memory(run, bits, left):
    take = snapshot(run, bits, RAM - left)
    assert take() is None
    assert taken() == CODE[32 - left :][:15]


@everywhere
def test_nothing_can_be_taken_behind_the_guests_memory(run):
    take = snapshot(run, 32, RAM)
    assert isinstance(take(), Fault)
    assert SNAPSHOT.count == 0


def map_pages(present: list[bool], frames: list[int]) -> None:
    put(0x3000, (SMALL_TABLE | 7).to_bytes(8, "little"))
    entries = [frame | 7 if there else 0 for there, frame in zip(present, frames, strict=True)]
    put(SMALL_TABLE, b"".join(entry.to_bytes(8, "little") for entry in entries))


@everywhere
def test_a_snapshot_follows_the_guests_pages(run):
    take = snapshot(run, 64, 2 * PAGE - 5)
    map_pages([False, True, True], [0, 0x20_0000, 0x30_0000])
    put(0x20_0000 + PAGE - 5, b"first")
    put(0x30_0000, b"and the second page")
    assert take() is None
    assert taken() == b"firstand the se"


@everywhere
def test_a_snapshot_ends_where_no_page_is(run):
    take = snapshot(run, 64, 2 * PAGE - 5)
    map_pages([False, True, False], [0, 0x20_0000, 0])
    put(0x20_0000 + PAGE - 5, b"first")
    assert take() is None
    assert taken() == b"first"


@everywhere
def test_a_fault_is_told_only_of_the_first_byte(run):
    take = snapshot(run, 64, 2 * PAGE - 5)
    map_pages([False, False, True], [0, 0, 0x30_0000])
    assert isinstance(take(), Fault)
