"""A virtio block device in plain Python (virtio 1.2, 5.2), and a user of its disk who knows what must be on it."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from codegen.lang import Hpa, host, u32, u64
from drivers.storage.command import COMMANDS, BlockOperation, BlockOutcome
from drivers.storage.disk import DISKS
from drivers.storage.fault import StorageFault
from drivers.storage.virtio.collect import virtio_block_collect
from drivers.storage.virtio.start import virtio_block_start
from drivers.storage.virtio.submit import virtio_block_submit
from drivers.storage.virtio.tick import virtio_block_tick
from tests.virtio.device import ACCESS_PLATFORM, EVENT_INDEX, INDIRECT, VERSION_1, Chain, VirtioDevice, demand
from tests.virtio.execution import Run
from tests.virtio.machine import POOL_BYTES, Machine

SECTOR = 512
SECTORS = 2048
SECOND = 1_000_000_000
SIZE_MAX, SEG_MAX, RO, BLK_SIZE, FLUSH, MQ, DISCARD, WRITE_ZEROES = (1 << n for n in (1, 2, 5, 6, 9, 12, 13, 14))
ALL = (
    VERSION_1
    | ACCESS_PLATFORM
    | INDIRECT
    | EVENT_INDEX
    | SEG_MAX
    | BLK_SIZE
    | FLUSH
    | MQ
    | DISCARD
    | WRITE_ZEROES
    | 1 << 40  # nobody knows this one
)
READ, WRITE, FLUSHED, ZEROED, DISCARDED = (
    BlockOperation.READ,
    BlockOperation.WRITE,
    BlockOperation.FLUSH,
    BlockOperation.WRITE_ZEROES,
    BlockOperation.DISCARD,
)


def configuration(
    capacity: int = SECTORS,
    size_max: int = 0,
    segments: int = 30,
    block: int = SECTOR,
    queues: int = 4,
    discard: int = 1 << 20,
    zero: int = 1 << 20,
) -> bytes:
    """struct virtio_blk_config (5.2.4)."""
    head = struct.pack("<QII4xI", capacity, size_max, segments, block)
    return head + bytes(10) + struct.pack("<HIIIIIB3x", queues, discard, 1, 1, zero, 1, 1)


class BlockDevice(VirtioDevice):
    """`content` is the disk; writes reach `durable` with a flush."""

    def __init__(
        self, features: int = ALL, config: bytes = configuration(), there: int = 4, size: int = 256, vectors: int = 16
    ) -> None:
        super().__init__(0x1042, features, config, there, size, vectors)
        self.content = bytearray(SECTORS * SECTOR)
        self.durable = bytes(self.content)
        self.serial = b"KB-0001\0"
        self.status_byte: int | None = 0  # instead of OK; None: not written at all
        self.kinds: list[int] = []

    def work(self, chain: Chain) -> int:
        (address, length, writes), *middle, (answer, one, last) = chain.parts
        demand(length == 16 and not writes and one == 1 and last, "header first, status last (5.2.6)")
        kind, reserved, sector = struct.unpack("<IIQ", self.get(address, 16))
        demand(reserved == 0, "the reserved word of the header")
        self.kinds.append(kind)
        status, written = self.status_byte, 0
        if status == 0:
            status, written = self.perform(kind, sector, middle)
        if status is not None:
            self.put(answer, bytes([status]))
        return written + 1

    def perform(self, kind: int, sector: int, parts: list[tuple[int, int, bool]]) -> tuple[int, int]:
        total = sum(length for _, length, _ in parts)
        if kind in (0, 1):
            demand(total % SECTOR == 0 and total > 0, "data is sectors")
            demand(sector + total // SECTOR <= len(self.content) // SECTOR, "data is on the disk")
            demand(all(writes == (kind == 0) for _, _, writes in parts), "data goes one way")
            demand(kind == 0 or not self.accepted & RO, "a write to a disk that is only read (5.2.6.1)")
            place = sector * SECTOR
            for address, length, writes in parts:
                if writes:
                    self.put(address, bytes(self.content[place : place + length]))
                else:
                    self.content[place : place + length] = self.get(address, length)
                place += length
            if not self.accepted & FLUSH:
                self.durable = bytes(self.content)
            return 0, total if kind == 0 else 0
        if kind == 4:
            demand(bool(self.accepted & FLUSH) and parts == [] and sector == 0, "FLUSH")
            self.durable = bytes(self.content)
            return 0, 0
        if kind == 8:
            demand(total == 20, "the ID has 20 bytes")
            self.put(parts[0][0], self.serial.ljust(20, b"\0")[:20])
            return 0, 20
        demand(kind in (11, 13), f"a request of type {kind}")
        demand(bool(self.accepted & (DISCARD if kind == 11 else WRITE_ZEROES)) and total == 16, "a run")
        start, count, flags = struct.unpack("<QII", self.get(parts[0][0], 16))
        limit = struct.unpack_from("<I", self.configuration, 36 if kind == 11 else 48)[0]
        demand(0 < count <= limit and flags == 0 and start + count <= SECTORS, f"a run of {count} at {start}")
        self.content[start * SECTOR : (start + count) * SECTOR] = bytes(count * SECTOR)
        return 0, 0


@dataclass
class Asked:
    """A command on its way: what it must read."""

    expected: bytes | None
    buffers: list[tuple[int, int]]


class User:
    """Of the first disk. `disk` is what must be on it, `asked` what is not collected. `keywords`: a BlockDevice's."""

    def __init__(
        self,
        run: Run,
        queues: int = 1,
        memory: int = POOL_BYTES,
        before: Callable[[BlockDevice], None] = lambda device: None,
        **keywords: Any,
    ) -> None:
        self.run = run
        self.machine = Machine(memory)
        self.device = BlockDevice(**keywords)
        before(self.device)
        (self.function,) = self.machine.plug(self.device)
        self.fault: StorageFault | None = run(virtio_block_start, self.function, u32(queues))
        self.disk = bytearray(self.device.content)
        self.asked: dict[int, Asked] = {}
        self.outcomes: dict[int, BlockOutcome] = {}

    def now(self) -> int:
        return self.machine.clock.now

    def prepare(
        self,
        command: int,
        operation: BlockOperation,
        sector: int = 0,
        sectors: int = 0,
        data: bytes = b"",
        cuts: tuple[int, ...] = (),
        deadline: int = SECOND,
    ) -> None:
        """Fill the command in. `cuts`: sectors of all segments but the last."""
        asked = COMMANDS[command]
        asked.zero()
        asked.operation, asked.disk, asked.sector, asked.sectors = operation, 0, sector, sectors
        asked.deadline = self.now() + deadline
        buffers = []
        if operation in (READ, WRITE):
            lengths = [SECTOR * cut for cut in cuts]
            lengths.append(SECTOR * sectors - sum(lengths))
            asked.segment_count = len(lengths)
            place = 0
            for number, length in enumerate(lengths):
                at = int(host.memory.allocate(length, 4))
                host.memory.write(Hpa(at), data[place : place + length] if data else b"\xee" * length)
                if number < len(asked.segments):
                    asked.segments[number].hpa, asked.segments[number].bytes = Hpa(at), length
                buffers.append((at, length))
                place += length
        self.asked[command] = Asked(None, buffers)

    def submit(self, command: int, queue: int = 0) -> bool:
        """What it does to the disk holds from now on: devices of tests work in order."""
        asked = COMMANDS[command]
        self.device.lent += self.asked[command].buffers
        if not self.run(virtio_block_submit, u32(command), u32(queue)):
            for buffer in self.asked[command].buffers:
                self.device.lent.remove(buffer)
            del self.asked[command]
            return False
        start, end = int(asked.sector) * SECTOR, (int(asked.sector) + int(asked.sectors)) * SECTOR
        if asked.outcome != BlockOutcome.REFUSED:
            if asked.operation == READ:
                self.asked[command].expected = bytes(self.disk[start:end])
            elif asked.operation == WRITE:
                self.disk[start:end] = b"".join(host.memory.read(Hpa(at), n) for at, n in self.asked[command].buffers)
            else:
                self.disk[start:end] = bytes(end - start)
        assert self.device.unheard() == [] or self.device.silent
        return True

    def ask(self, command: int, operation: BlockOperation, queue: int = 0, **what: Any) -> None:
        self.prepare(command, operation, **what)
        assert self.submit(command, queue)

    def collect(self, queue: int = 0) -> int | None:
        """One more, which was not collected before; a read that is done has read what it must."""
        found = self.run(virtio_block_collect, u32(0), u32(queue))
        if found is None:
            return None
        number = int(found)
        asked = self.asked.pop(number)
        outcome = COMMANDS[number].outcome
        assert outcome != BlockOutcome.PENDING
        self.outcomes[number] = outcome
        for buffer in asked.buffers:
            self.device.lent.remove(buffer)
        if outcome == BlockOutcome.DONE and asked.expected is not None:
            assert b"".join(host.memory.read(Hpa(at), n) for at, n in asked.buffers) == asked.expected
        return number

    def run_collect(self, queue: int) -> int | None:
        """Collect from a device whose data means nothing."""
        for asked in self.asked.values():
            asked.expected = None
        return self.collect(queue)

    def collect_all(self, queue: int = 0) -> list[int]:
        found = []
        while (number := self.collect(queue)) is not None:
            found.append(number)
        return found

    def do(self, operation: BlockOperation, **what: Any) -> BlockOutcome:
        """From one end to the other."""
        self.ask(0, operation, **what)
        assert self.collect_all() == [0]
        return self.outcomes[0]

    def tick(self, later: int = 0) -> int:
        """Gives when it wants to be called again, from now; -1 never."""
        self.machine.clock.now += later
        now = self.now()
        then = int(self.run(virtio_block_tick, u32(0), u64(now)))
        return -1 if then == 2**64 - 1 else then - now

    def recover(self) -> None:
        """Ticks until the device is no longer being reset."""
        for _ in range(5000):
            if self.tick(1_000_000) != 1_000_000:
                return
        raise AssertionError("it is being reset for ever")


def disk() -> Any:
    return DISKS.disks[0]
