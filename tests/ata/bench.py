"""Commands for a driver under test, and what came of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from codegen.lang import Hpa, host, u32, u64
from drivers.storage.command import COMMANDS, BlockOperation, BlockOutcome
from drivers.storage.disk import DISKS
from tests.ata.execution import Run
from tests.ata.services import MS, Services

NEVER = (1 << 64) - 1


@dataclass
class Driver:
    submit: Any
    collect: Any
    tick: Any


@dataclass
class Bench:
    """`work` lets the devices do something; false when there is nothing to do."""

    run: Run
    services: Services
    driver: Driver
    work: Callable[[], bool]
    controllers: int = 1
    free: list[int] = field(default_factory=lambda: list(range(63, -1, -1)))

    def buffer(self, size: int, offset: int = 0) -> int:
        """RAM; `offset` bytes behind a multiple of 64 KiB."""
        return int(host.memory.allocate(size + offset, 0x1_0000)) + offset

    def submit(
        self,
        operation: BlockOperation,
        sector: int,
        sectors: int,
        segments: list[tuple[int, int]] | None = None,
        disk: int = 0,
        timeout: int = 10_000 * MS,
    ) -> int:
        number = self.free.pop()
        command = COMMANDS[number]
        command.operation = operation
        command.disk = disk
        command.sector = u64(sector)
        command.sectors = u32(sectors)
        places = segments or []
        command.segment_count = u32(len(places))
        for i, (address, length) in enumerate(places):
            command.segments[i].hpa = Hpa(address)
            command.segments[i].bytes = u32(length)
        command.deadline = u64(self.services.time + timeout)
        act = {BlockOperation.READ: "write", BlockOperation.WRITE: "read"}.get(operation, "")
        self.services.lent[number] = (act, places)
        assert self.run(self.driver.submit, u32(number))
        assert not self.run(self.driver.submit, u32(number)), "taken twice"
        return number

    def write(self, sector: int, data: bytes, disk: int = 0, timeout: int = 10_000 * MS) -> int:
        place = self.buffer(len(data))
        host.memory.write(Hpa(place), data)
        return self.submit(BlockOperation.WRITE, sector, len(data) // 512, [(place, len(data))], disk, timeout)

    def read(self, sector: int, sectors: int, disk: int = 0, timeout: int = 10_000 * MS) -> tuple[int, int]:
        place = self.buffer(sectors * 512)
        segments = [(place, sectors * 512)]
        return self.submit(BlockOperation.READ, sector, sectors, segments, disk, timeout), place

    def collect(self) -> dict[int, BlockOutcome]:
        """All that are finished now. The devices may not touch their memory from now on."""
        found: dict[int, BlockOutcome] = {}
        for controller in range(self.controllers):
            while True:
                number = self.run(self.driver.collect, u32(controller))
                if number is None:
                    break
                number = int(number)
                assert number not in found and number in self.services.lent
                del self.services.lent[number]
                found[number] = COMMANDS[number].outcome
                assert found[number] != BlockOutcome.PENDING
                self.free.append(number)
        return found

    def finish(self, rounds: int = 100) -> dict[int, BlockOutcome]:
        """All that can be finished without waiting."""
        found = self.collect()
        idle = 0
        for _ in range(rounds):
            idle = 0 if self.work() else idle + 1
            if idle == 10 or not self.services.lent:
                return found
            found.update(self.collect())
        raise AssertionError("the devices are never done")

    def tick(self) -> int:
        return min(int(self.run(self.driver.tick, u32(i), u64(self.services.time))) for i in range(self.controllers))

    def wait(self, seconds: float) -> dict[int, BlockOutcome]:
        """Let time pass as the driver wants to be called, until it wants nothing any more or the time is over."""
        end = self.services.time + int(seconds * 1e9)
        found: dict[int, BlockOutcome] = {}
        for _ in range(50_000):
            worked = self.work()
            ended = self.collect()
            following = self.tick()
            ended.update(self.collect())
            found.update(ended)
            if following == NEVER and not self.services.lent or self.services.time >= end:
                return found
            if not worked and not ended:
                self.services.time = max(self.services.time, min(following, end))
        raise AssertionError("too many ticks")

    def get(self, sector: int, sectors: int, disk: int = 0) -> bytes:
        number, place = self.read(sector, sectors, disk)
        assert self.finish()[number] == BlockOutcome.DONE
        return host.memory.read(Hpa(place), sectors * 512)

    def put(self, sector: int, data: bytes, disk: int = 0) -> None:
        number = self.write(sector, data, disk)
        assert self.finish()[number] == BlockOutcome.DONE


def text(array: Any, length: int) -> bytes:
    return bytes(int(array[i]) for i in range(length)).rstrip(b"\0")


def disks() -> list[Any]:
    return [DISKS.disks[i] for i in range(int(DISKS.disk_count))]
