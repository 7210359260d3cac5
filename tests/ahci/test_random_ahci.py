"""Random commands against a plain disk of bytes, queued and not queued; and random trouble."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.lang import u32, u64
from drivers.storage.ahci.state import AHCI
from drivers.storage.command import BlockOperation, BlockOutcome
from tests.ahci.ahci_model import Disk
from tests.ahci.machine import natively, started
from tests.ata.disk_model import DiskModel
from tests.ata.execution import in_cpython
from tests.ata.services import MS
from tests.ata.test_random_ide import ACTS, SECTORS, play


@settings(max_examples=40, deadline=None)
@given(acts=ACTS, native=st.booleans(), slots=st.integers(1, 32), queue=st.integers(2, 32), seed=st.integers(0, 99))
def test_random_commands_have_the_effect_of_a_plain_disks(
    acts: Any, native: bool, slots: int, queue: int, seed: int
) -> None:
    models = [DiskModel(sectors=SECTORS, queue=queue), DiskModel(sectors=SECTORS, wide=False, trim=False)]
    acts = [act for act in acts if act[0] != "discard" or act[1] == 0]
    machine, bench = started(natively if native else in_cpython, *map(Disk, models), slots=slots)
    machine.hba.choose.seed(seed)
    plain = play(bench, acts)
    for disk, model in enumerate(models):
        assert model.read(0, SECTORS) == plain.bytes[disk]


TROUBLE = st.lists(
    st.one_of(
        st.tuples(st.just("read"), st.integers(0, 1), st.integers(0, SECTORS - 2)),
        st.tuples(st.just("write"), st.integers(0, 1), st.integers(0, SECTORS - 2)),
        st.tuples(st.just("flush"), st.integers(0, 1)),
        st.tuples(st.sampled_from(["work", "hang", "crc", "bad", "stuck", "log", "quick", "pull"]), st.integers(0, 1)),
        st.tuples(st.just("time"), st.integers(0, 5)),
    ),
    max_size=60,
)


@settings(max_examples=60, deadline=None)
@given(acts=TROUBLE, native=st.booleans(), seed=st.integers(0, 99))
def test_whatever_happens_every_command_ends_once_and_no_memory_is_touched_afterwards(
    acts: Any, native: bool, seed: int
) -> None:
    drives = [Disk(DiskModel(sectors=SECTORS, queue=8)), Disk(DiskModel(sectors=SECTORS, serial=b"other"))]
    machine, bench = started(natively if native else in_cpython, *drives)
    machine.hba.choose.seed(seed)
    submitted: set[int] = set()
    ended: dict[int, BlockOutcome] = {}
    for act in acts:
        if len(bench.free) < 2:
            break
        match act:
            case ("read", disk, sector):
                submitted.add(bench.read(sector, 2, disk, timeout=2_000 * MS)[0])
            case ("write", disk, sector):
                submitted.add(bench.write(sector, bytes(1024), disk, timeout=2_000 * MS))
            case ("flush", disk):
                submitted.add(bench.submit(BlockOperation.FLUSH, 0, 0, disk=disk, timeout=2_000 * MS))
            case ("time", amount):
                machine.services.time += 10**amount * 20_000
            case (what, number):
                trouble(machine, drives[number], what, number)
        bench.tick()
        found = bench.collect()
        for number in found:
            bench.free.remove(number)
        assert not set(found) & set(ended)
        ended.update(found)
    for number, drive in enumerate(drives):
        trouble(machine, drive, "quick", number)
    rest = bench.wait(200)
    assert not set(rest) & set(ended)
    ended.update(rest)
    assert set(ended) == submitted
    controller = AHCI.controllers[0]
    assert int(controller.commands.held) == 0 and int(controller.commands.finished.length) == 0
    assert u64(controller.resets) <= u64(200) and u32(controller.port_count) == 2


def trouble(machine: Any, drive: Disk, what: str, number: int) -> None:
    port = machine.hba.ports[number]
    match what:
        case "work":
            machine.hba.work()
        case "hang":
            drive.how.hangs = True
        case "crc":
            drive.how.crc = True
        case "bad":
            drive.disk.bad = {5, 20}
        case "stuck":
            port.stuck = True
        case "log":
            drive.how.log = "sum"
        case "pull":
            port.unplug()
            port.plug_in(drive)
        case _:
            drive.how.hangs = False
            drive.disk.bad = set()
            port.stuck = False
