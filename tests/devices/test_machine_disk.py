"""A guest's block device on a disk of the machine: whatever the guest asks for, and whenever commands come back."""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.lang import Hpa, host, u8, u32, u64
from drivers.storage.command import COMMANDS, BlockOperation, BlockOutcome
from drivers.storage.disk import DISKS, Disk, DiskDriver, disk_add, disk_has
from hypervisor.devices.virtio.block import block_start
from hypervisor.devices.virtio.machine_disk import REQUESTS_MAX, machine_disk_start
from hypervisor.devices.virtio.machine_finish import machine_drop
from hypervisor.devices.virtio.machine_piece import BOUNCE_BYTES
from tests.devices.execution import Run, everywhere
from tests.devices.handed import HANDED
from tests.devices.virtio_driver import (
    BOARD,
    COMMON,
    DESCRIPTORS,
    DEVICE,
    INDIRECT,
    RAM,
    VERSION_1,
    Broken,
    Driver,
    Part,
)

READ, WRITE, FLUSH, DISCARD, ZERO = 0, 1, 4, 11, 13
FLUSHES = 1 << 9
OK, IO_ERROR, UNSUPPORTED = 0, 1, 2
SECTORS = 1024
FIRST_SECTOR = 64
FIRST_COMMAND = 3
TABLES, DATA, ROOM = 0x20000, 0x40000, 0x8000
HEADS = 16


@dataclass
class Machine:
    """The driver of a guest with such a disk, and the disk: `content` is what it holds."""

    run: Run
    features: int = VERSION_1 | INDIRECT | FLUSHES
    block: int = 512
    requests: int = 4
    page_bound: bool = False
    segments: int = 8
    most: int = 64 << 10
    caches: bool = True
    high_is_out: bool = False

    def __post_init__(self) -> None:
        self.driver = Driver(self.run, features=self.features)
        DISKS.zero()
        device = BOARD.virtio.devices[0]
        self.bounce = int(host.memory.allocate(BOUNCE_BYTES))
        disk = disk_add(DiskDriver.NVME, u8(0), u32(0))
        assert disk is not None
        self.disk: Disk = disk
        disk.sectors, disk.block, disk.bytes_max, disk.segments_max = 2 * SECTORS, self.block, self.most, self.segments
        disk.page_bound, disk.caches_writes, disk.discards, disk.zeroes = self.page_bound, self.caches, True, True
        disk.address_limit = 1 << 52
        if self.high_is_out:  # half of the guest's RAM is out of the disk's reach
            disk.address_limit = self.driver.ram + DATA + ROOM * HEADS // 2
            self.bounce = self.driver.ram + 0x10000  # below that, and nothing else is there
        self.untouched = random.Random(7).randbytes(2 * SECTORS * 512)
        self.content = bytearray(self.untouched)
        device.disk.bytes, device.disk.block = SECTORS * 512, self.block
        commands = u32(FIRST_COMMAND), u32(self.requests)
        machine_disk_start(device.disk.machine, u32(0), u64(FIRST_SECTOR), *commands, u64(0))
        device.disk.machine.bounce = Hpa(self.bounce)
        block_start(device)
        self.driver.start()
        self.under_way: list[int] = []

    # ---- the guest

    def lay_out(self, head: int, parts: list[Part], shift: int = 0, gap: int = 0) -> int:
        """A request in its own part of memory; gives where the last part lies."""
        place = DATA + ROOM * head + shift
        for number, part in enumerate(parts):
            length = part if isinstance(part, int) else len(part)
            if isinstance(part, bytes):
                self.driver.put(place, part)
            flags = (2 if isinstance(part, int) else 0) | (number + 1 < len(parts))
            self.driver.describe(TABLES + 0x800 * head, number, place, length, flags, number + 1)
            last, place = place, place + length + gap
        self.driver.describe(DESCRIPTORS, head, TABLES + 0x800 * head, 16 * len(parts), 4)
        return last

    def offer(self, *heads: int) -> None:
        for head in heads:
            self.driver.offer(head)
        self.driver.kick()
        self.serve()

    def serve(self) -> None:
        before = int(HANDED.amount)
        self.driver.serve()
        new = [int(HANDED.commands[number]) for number in range(before, int(HANDED.amount))]
        assert not set(new) & set(self.under_way), "a command is handed over twice"
        self.under_way += new
        HANDED.amount = u32(0)

    # ---- the disk

    def come_back(self, command: int, outcome: BlockOutcome = BlockOutcome.DONE) -> None:
        """Done, if so, and told of."""
        self.under_way.remove(command)
        assert FIRST_COMMAND <= command < FIRST_COMMAND + self.requests
        self.check(command)
        if outcome == BlockOutcome.DONE:
            self.do(command)
        COMMANDS[command].outcome = outcome
        BOARD.virtio.devices[0].disk.machine.finished.fetch_or(u32(1 << command - FIRST_COMMAND))
        self.serve()

    def segments_of(self, command: int) -> list[tuple[int, int]]:
        listed = COMMANDS[command].segments
        count = int(COMMANDS[command].segment_count)
        return [(int(listed[n].hpa), int(listed[n].bytes)) for n in range(count)]

    def check(self, command: int) -> None:
        """The limits that drivers/storage says."""
        asked, segments = COMMANDS[command], self.segments_of(command)
        assert int(asked.disk) == 0 and len(segments) <= self.segments
        if asked.operation in (BlockOperation.READ, BlockOperation.WRITE):
            assert sum(size for _, size in segments) == 512 * int(asked.sectors) <= self.most
            for hpa, size in segments:
                assert hpa % 4 == 0 and size % 512 == 0 and 0 < size
                assert hpa + size <= int(self.disk.address_limit)
                inside = self.driver.ram <= hpa and hpa + size <= self.driver.ram + RAM
                assert inside or self.bounce <= hpa and hpa + size <= self.bounce + BOUNCE_BYTES
            if self.page_bound:
                for (hpa, size), (following, _) in zip(segments, segments[1:], strict=False):
                    assert (hpa + size) % 4096 == 0 and following % 4096 == 0
        else:
            assert segments == []
        if asked.operation != BlockOperation.FLUSH:
            assert disk_has(self.disk, u64(asked.sector), u32(asked.sectors)) and int(asked.sectors)
            assert FIRST_SECTOR <= int(asked.sector) <= FIRST_SECTOR + SECTORS - int(asked.sectors)

    def do(self, command: int) -> None:
        asked = COMMANDS[command]
        place, size = 512 * int(asked.sector), 512 * int(asked.sectors)
        match asked.operation:
            case BlockOperation.READ:
                for hpa, length in self.segments_of(command):
                    host.memory.write(Hpa(hpa), bytes(self.content[place : place + length]))
                    place += length
            case BlockOperation.WRITE:
                data = b"".join(host.memory.read(Hpa(hpa), length) for hpa, length in self.segments_of(command))
                self.content[place : place + size] = data
            case BlockOperation.FLUSH:
                pass
            case _:
                self.content[place : place + size] = bytes(size)

    def seen(self) -> bytes:
        """What the guest's disk holds."""
        return bytes(self.content[512 * FIRST_SECTOR : 512 * (FIRST_SECTOR + SECTORS)])

    def status(self, place: int) -> int:
        return self.driver.get(place, 1)[0]


def header(kind: int, sector: int = 0) -> bytes:
    return struct.pack("<IIQ", kind, 0, sector)


def pieces_of(source: random.Random, total: int, unit: int) -> list[int]:
    sizes = []
    while total:
        sizes.append(min(total, unit * source.randrange(1, 9)))
        total -= sizes[-1]
    return sizes


shapes = st.fixed_dictionaries(
    {
        "block": st.sampled_from([512, 4096]),
        "page_bound": st.booleans(),
        "segments": st.sampled_from([1, 3, 32]),
        "most": st.sampled_from([4096, 12 << 10, 64 << 10]),
        "requests": st.sampled_from([1, 2, 5]),
        "high_is_out": st.booleans(),
        "features": st.sampled_from([VERSION_1 | INDIRECT, VERSION_1 | INDIRECT | FLUSHES]),
    }
)


@everywhere
@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), shapes)
def test_requests_of_any_shape_and_order_do_what_they_do_to_a_model(run: Run, seed: int, shape: dict[str, int]) -> None:
    source = random.Random(seed)
    machine = Machine(run, **shape)  # type: ignore[arg-type]
    model = bytearray(machine.seen())
    for _ in range(4):
        expected: dict[int, tuple[int, list[tuple[int, int]], bytes]] = {}
        slots = source.sample(range(HEADS), source.randrange(1, 7))
        for head in slots:  # each has 60 sectors of its own, so the order does not matter
            count = source.randrange(0, 6) * 8
            sector = 64 * head + (8 if source.random() < 0.5 else 0)
            kind = source.choice((READ, READ, WRITE, WRITE, FLUSH, DISCARD, ZERO))
            size = 512 * count
            unit = source.choice((512, 512, 4096, 20, 1))  # what nobody can do straight
            shift = source.choice((0, 0, 4, 2, 512, 3584))
            cells = pieces_of(source, size, unit if size // unit < 60 else 512)
            reads: list[tuple[int, int]] = []
            data = b""
            place = DATA + ROOM * head + shift + 16
            parts: list[Part] = [header(kind, sector)]
            if kind == READ:
                parts += cells
                reads = [(place, size)]
                data = bytes(model[512 * sector : 512 * sector + size])
            elif kind == WRITE:
                written = source.randbytes(size)
                parts += [written[sum(cells[:n]) : sum(cells[: n + 1])] for n in range(len(cells))]
                model[512 * sector : 512 * sector + size] = written
            elif kind in (DISCARD, ZERO):
                parts.append(struct.pack("<QII", sector, count, 0))
                model[512 * sector : 512 * sector + size] = bytes(size)
            last = machine.lay_out(head, [*parts, 1], shift)
            machine.driver.put(last, b"\xee")
            expected[head] = (last, reads, data)
        machine.offer(*slots)
        while machine.under_way:
            machine.come_back(source.choice(machine.under_way))
        given_back = machine.driver.given_back()
        assert sorted(head for head, _ in given_back) == sorted(slots)
        for head, written_bytes in given_back:
            last, reads, data = expected[head]
            assert machine.status(last) == OK
            assert b"".join(machine.driver.get(*read) for read in reads) == data
            assert written_bytes == len(data) + 1
    assert machine.seen() == model
    assert bytes(machine.content[: 512 * FIRST_SECTOR]) == machine.untouched[: 512 * FIRST_SECTOR]


@everywhere
@pytest.mark.parametrize("outcome", [BlockOutcome.IO_ERROR, BlockOutcome.TIMED_OUT, BlockOutcome.GONE])
def test_what_a_disk_cannot_do_is_the_guests_error(run: Run, outcome: BlockOutcome) -> None:
    machine = Machine(run)
    last = machine.lay_out(0, [header(READ), 4096, 1])
    machine.offer(0)
    machine.come_back(machine.under_way[0], outcome)
    assert machine.driver.given_back() == [(0, 1)] and machine.status(last) == IO_ERROR
    assert int(BOARD.virtio.devices[0].disk.machine.errors) == 1


@everywhere
def test_a_reset_of_the_disk_is_tried_again_but_not_for_ever(run: Run) -> None:
    machine = Machine(run)
    last = machine.lay_out(0, [header(WRITE, 8), b"k" * 4096, 1])
    machine.offer(0)
    for _ in range(2):
        machine.come_back(machine.under_way[0], BlockOutcome.RESET)
        assert len(machine.under_way) == 1 and machine.driver.given_back() == []
    machine.come_back(machine.under_way[0])
    assert machine.driver.given_back() == [(0, 1)] and machine.status(last) == OK
    assert machine.seen()[8 * 512 : 16 * 512] == b"k" * 4096
    machine.offer(0)
    for _ in range(3):
        machine.come_back(machine.under_way[0], BlockOutcome.RESET)
    assert machine.under_way == [] and machine.status(last) == IO_ERROR


@everywhere
def test_who_cannot_flush_hears_of_a_write_when_it_is_durable(run: Run) -> None:
    machine = Machine(run, features=VERSION_1 | INDIRECT)
    last = machine.lay_out(0, [header(WRITE), b"k" * 512, 1])
    machine.offer(0)
    machine.come_back(machine.under_way[0])
    assert machine.driver.given_back() == []
    (flush,) = machine.under_way
    assert COMMANDS[flush].operation == BlockOperation.FLUSH
    machine.come_back(flush)
    assert machine.driver.given_back() == [(0, 1)] and machine.status(last) == OK


@everywhere
def test_who_can_flush_flushes_itself_and_without_a_cache_at_once(run: Run) -> None:
    for caches in (True, False):
        machine = Machine(run, caches=caches)
        machine.lay_out(0, [header(WRITE), b"k" * 512, 1])
        machine.lay_out(1, [header(FLUSH), 1])
        machine.offer(0)
        machine.come_back(machine.under_way[0])
        assert machine.driver.given_back() == [(0, 1)]
        machine.offer(1)
        assert len(machine.under_way) == caches
        for command in list(machine.under_way):
            assert COMMANDS[command].operation == BlockOperation.FLUSH
            machine.come_back(command)
        assert machine.driver.given_back() == [(1, 1)]


@everywhere
def test_a_reset_waits_for_what_the_disk_does_in_the_guests_memory(run: Run) -> None:
    machine = Machine(run)
    last = machine.lay_out(0, [header(READ), 4096, 1])
    machine.lay_out(1, [header(READ), 4096, 1])
    machine.driver.put(last, b"\xee")
    machine.offer(0, 1)
    machine.driver.write(COMMON, 20, 1, 0)
    assert machine.driver.read(COMMON, 20, 1) != 0
    machine.come_back(machine.under_way[0])
    assert machine.driver.read(COMMON, 20, 1) != 0
    machine.driver.write(COMMON, 20, 1, 1)  # who does not wait is not heard
    machine.come_back(machine.under_way[0])
    assert machine.driver.read(COMMON, 20, 1) == 0
    assert machine.driver.given_back() == [] and machine.status(last) == 0xEE
    machine.driver.start()
    machine.lay_out(0, [header(READ), 4096, 1])
    machine.offer(0)
    machine.come_back(machine.under_way[0])
    assert machine.driver.given_back() == [(0, 4097)]


@everywhere
def test_more_requests_than_the_disk_takes_wait_and_all_are_done(run: Run) -> None:
    machine = Machine(run, requests=2)
    for head in range(HEADS):
        machine.lay_out(head, [header(READ, 8 * head), 512, 1])
    machine.offer(*range(HEADS))
    done = []
    while machine.under_way:
        assert len(machine.under_way) <= 2
        machine.come_back(machine.under_way[0])
        done += [head for head, _ in machine.driver.given_back()]
    assert sorted(done) == list(range(HEADS))


@everywhere
def test_a_chain_that_changes_under_way_breaks_the_queue_and_nothing_else(run: Run) -> None:
    machine = Machine(run, most=4096)
    machine.lay_out(0, [header(READ), 4096, 4096, 1])
    machine.lay_out(1, [header(READ), 4096, 1])
    machine.offer(0, 1)
    first, second = machine.under_way
    machine.driver.describe(TABLES, 2, RAM, 4096, 3, 3)  # the second piece now lies nowhere
    with pytest.raises(Broken):
        machine.come_back(first)
    machine.under_way = [second]
    HANDED.amount = u32(0)
    assert machine.driver.read(COMMON, 20, 1) & 0x40
    machine.come_back(second)
    assert machine.driver.given_back() == [] and int(BOARD.virtio.devices[0].disk.machine.busy) == 0
    machine.driver.write(COMMON, 20, 1, 0)
    assert machine.driver.read(COMMON, 20, 1) == 0


@everywhere
def test_what_leads_outside_of_the_disk_or_of_memory_is_never_handed_over(run: Run) -> None:
    machine = Machine(run, block=4096)
    for head, (kind, sector, count) in enumerate(
        [(READ, SECTORS - 8, 16), (WRITE, SECTORS, 8), (READ, 2**55, 8), (READ, 4, 8), (WRITE, 8, 1), (DISCARD, 4, 8)]
    ):
        data: list[Part] = [count * 512] if kind == READ else [bytes(count * 512)]
        if kind == DISCARD:
            data = [struct.pack("<QII", sector, count, 0)]
        last = machine.lay_out(head, [header(kind, sector), *data, 1])
        machine.offer(head)
        assert machine.under_way == [] and machine.status(last) == IO_ERROR
    machine.lay_out(0, [header(READ), 4096, 1])
    machine.driver.describe(TABLES, 1, RAM - 2048, 4096, 3, 2)
    machine.driver.offer(0)
    machine.driver.kick()
    with pytest.raises(Broken):
        machine.serve()
    assert machine.under_way == [] and int(BOARD.virtio.devices[0].disk.machine.busy) == 0


@everywhere
def test_what_the_disk_cannot_do_is_not_offered(run: Run) -> None:
    machine = Machine(run)
    machine.disk.discards = machine.disk.zeroes = False
    block_start(BOARD.virtio.devices[0])
    assert int(BOARD.virtio.devices[0].offered) & (1 << 13 | 1 << 14) == 0
    last = machine.lay_out(0, [header(DISCARD), struct.pack("<QII", 0, 8, 0), 1])
    machine.offer(0)
    assert machine.under_way == [] and machine.status(last) == UNSUPPORTED
    assert machine.driver.read(DEVICE, 0, 8) == SECTORS and machine.driver.read(DEVICE, 20, 4) == 512


@everywhere
def test_the_end_of_a_guest_forgets_what_comes_back(run: Run) -> None:
    machine = Machine(run, requests=REQUESTS_MAX)
    for head in range(3):
        machine.lay_out(head, [header(READ, 8 * head), 512, 1], shift=2)  # two of them wait for the bounce buffer
    machine.offer(0, 1, 2)
    device = BOARD.virtio.devices[0].disk.machine
    assert not run(machine_drop, device)
    for command in machine.under_way:
        device.finished.fetch_or(u32(1 << command - FIRST_COMMAND))
    assert run(machine_drop, device) and machine.driver.given_back() == []
