"""Random commands against a plain disk of bytes."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.lang import Hpa, host
from drivers.storage.command import BlockOperation, BlockOutcome
from tests.ata.bench import Bench
from tests.ata.disk_model import DiskModel
from tests.ata.execution import in_cpython, natively
from tests.ata.ide_machine import started
from tests.ata.ide_model import Drive

SECTORS = 64
PLACES = st.lists(st.tuples(st.integers(1, 5), st.sampled_from([0, 4, 0xFC00, 0xFFFC])), min_size=1, max_size=6)
ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("read"), st.integers(0, 1), st.integers(0, SECTORS - 1), PLACES),
        st.tuples(st.just("write"), st.integers(0, 1), st.integers(0, SECTORS - 1), PLACES),
        st.tuples(st.just("flush"), st.integers(0, 1)),
        st.tuples(st.just("discard"), st.integers(0, 1), st.integers(0, SECTORS - 1), st.integers(1, 20)),
        st.tuples(st.just("work")),
        st.tuples(st.just("collect")),
        st.tuples(st.just("tick")),
    ),
    max_size=40,
)


class Plain:
    """Two disks of bytes. Commands to the same sectors that overlap in time may be carried out in any order: so each
    act waits for earlier ones that touch the same sectors."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.bytes = [bytearray(SECTORS * 512) for _ in range(2)]
        self.pending: dict[int, tuple[int, range, Any]] = {}
        self.mark = 0

    def settle(self, found: dict[int, BlockOutcome]) -> None:
        for number, outcome in found.items():
            _, _, check = self.pending.pop(number)
            check(outcome)

    def wait_for(self, disk: int, sectors: range) -> None:
        while any(d == disk and r.start < sectors.stop and sectors.start < r.stop for d, r, _ in self.pending.values()):
            self.settle(self.bench.collect())
            self.bench.work()
            self.settle(self.bench.collect())

    def act(self, act: Any) -> None:
        match act:
            case ("read" | "write" as what, disk, sector, places):
                self.transfer(what, disk, sector, places)
            case ("flush", disk):
                self.add(self.bench.submit(BlockOperation.FLUSH, 0, 0, disk=disk), disk, range(0), self.done)
            case ("discard", disk, sector, count):
                count = min(count, SECTORS - sector)
                self.wait_for(disk, range(sector, sector + count))
                number = self.bench.submit(BlockOperation.DISCARD, sector, count, disk=disk)
                self.bytes[disk][sector * 512 : (sector + count) * 512] = bytes(count * 512)
                self.add(number, disk, range(sector, sector + count), self.done)
            case ("work",):
                self.bench.work()
            case ("collect",):
                self.settle(self.bench.collect())
            case ("tick",):
                self.bench.tick()

    def transfer(self, what: str, disk: int, sector: int, places: list[tuple[int, int]]) -> None:
        count = sum(length for length, _ in places)
        sectors = range(sector, sector + count)
        if len(self.bench.free) < 2:
            self.settle(self.bench.finish())
        segments = [(self.bench.buffer(length * 512, offset), length * 512) for length, offset in places]
        inside = sectors.stop <= SECTORS
        if inside:
            self.wait_for(disk, sectors)
        part = slice(sector * 512, sectors.stop * 512)
        if what == "write":
            self.mark = self.mark + 1 & 0xFF
            data = bytes((self.mark + i // 128) & 0xFF for i in range(count * 512))
            at = 0
            for address, length in segments:
                host.memory.write(Hpa(address), data[at : at + length])
                at += length
            number = self.bench.submit(BlockOperation.WRITE, sector, count, segments, disk)
            if inside:
                self.bytes[disk][part] = data
            self.add(number, disk, sectors, self.done if inside else self.refused)
            return
        wanted = bytes(self.bytes[disk][part])

        def check(outcome: BlockOutcome) -> None:
            assert outcome == BlockOutcome.DONE
            assert b"".join(host.memory.read(Hpa(address), length) for address, length in segments) == wanted

        number = self.bench.submit(BlockOperation.READ, sector, count, segments, disk)
        self.add(number, disk, sectors, check if inside else self.refused)

    def add(self, number: int, disk: int, sectors: range, check: Any) -> None:
        self.pending[number] = (disk, sectors, check)

    @staticmethod
    def done(outcome: BlockOutcome) -> None:
        assert outcome == BlockOutcome.DONE

    @staticmethod
    def refused(outcome: BlockOutcome) -> None:
        assert outcome == BlockOutcome.REFUSED

    def finish(self) -> None:
        self.settle(self.bench.finish())
        assert self.pending == {}


def play(bench: Bench, acts: Any) -> Plain:
    plain = Plain(bench)
    for act in acts:
        plain.act(act)
    plain.finish()
    return plain


@settings(max_examples=40, deadline=None)
@given(acts=ACTS, native=st.booleans(), simplex=st.booleans(), apart=st.booleans())
def test_random_commands_have_the_effect_of_a_plain_disks(acts: Any, native: bool, simplex: bool, apart: bool) -> None:
    models = [DiskModel(sectors=SECTORS), DiskModel(sectors=SECTORS, wide=False, trim=False)]
    acts = [act for act in acts if act[0] != "discard" or act[1] == 0]
    drives = (Drive(models[0]), None, Drive(models[1])) if apart else (Drive(models[0]), Drive(models[1]))
    _, bench = started(natively if native else in_cpython, *drives, simplex=simplex)
    plain = play(bench, acts)
    for disk, model in enumerate(models):
        assert model.read(0, SECTORS) == plain.bytes[disk]
