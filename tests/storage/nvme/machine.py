"""A machine with NVMe controllers that are models, and who uses their disks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from codegen.lang import Hpa, host, u16, u32, u64
from drivers.acpi.root import acpi_start
from drivers.pci.enumerate import pci_enumerate
from drivers.pci.windows import windows_find
from drivers.storage.command import COMMANDS, BlockOperation, BlockOutcome
from drivers.storage.disk import DISKS, Disk
from drivers.storage.fault import StorageFault
from drivers.storage.nvme.collect import nvme_collect
from drivers.storage.nvme.recover import nvme_tick
from drivers.storage.nvme.start import nvme_start
from drivers.storage.nvme.state import NVME, NvmeController
from drivers.storage.nvme.submit import nvme_submit
from tests.drivers.test_acpi import PLACE
from tests.pci.execution import begin, table
from tests.pci.fronts import WINDOW, Window, put_mcfg
from tests.pci.machine import Function, Host, Region
from tests.storage.nvme.contracts import CLOCK, POOL
from tests.storage.nvme.controller_model import MSIX_BYTES, NvmeModel
from tests.storage.nvme.execution import Run, bind_contracts, natively
from tests.storage.nvme.namespace_model import Kind

BASE = 0xFE00_0000
BAR = 0x40_0000
POOL_START, POOL_END = 0x10_0000, 0x40_0000
DATA = 0x80_0000  # where tests put theirs
SECOND = 1_000_000_000
NEVER = 0xFFFF_FFFF_FFFF_FFFF
Segment = tuple[int, int]


def machine_with(*kinds: Kind, vectors: int = 9, bar: int = BAR) -> list[NvmeModel]:
    """PCI is enumerated, nothing started."""
    begin()
    bind_contracts()
    for state in (NVME, DISKS, POOL, CLOCK):
        state.zero()
    for i in range(64):
        COMMANDS[i].zero()
    POOL.next, POOL.end = u64(POOL_START), u64(POOL_END)
    CLOCK.now, CLOCK.step = u64(SECOND), u64(100_000)
    functions = []
    for number in range(len(kinds)):
        function = Function(0x0010_1B36, 0x010802, {0: Region(4, bar, BASE + number * BAR)})
        if vectors:
            place = bar - MSIX_BYTES
            body = (
                (vectors - 1).to_bytes(2, "little")
                + place.to_bytes(4, "little")
                + (place + 0x800).to_bytes(4, "little")
            )
            function.add_capability(0x11, body, b"\0\xc0")
        functions.append(function)
    # One bus, by a window of memory: enumerating 256 by ports takes longer than most tests.
    Window(Host({0: {(3 + number, 0): function for number, function in enumerate(functions)}}), buses=1)
    put_mcfg((WINDOW, 0, 0, 0))
    assert natively(acpi_start, Hpa(PLACE))
    natively(windows_find)
    natively(pci_enumerate)
    return [NvmeModel(kind, BASE + i * BAR, bar, functions[i]) for i, kind in enumerate(kinds)]


@dataclass
class Sent:
    """A command that the driver has."""

    queue: int
    region: list[tuple[int, int, bool]]


class User:
    """Submits and collects, lets the controller reach a command's memory only while the driver has the command, and
    takes each command back exactly once."""

    def __init__(self, run: Run, model: NvmeModel, number: int = 0) -> None:
        self.run = run
        self.model = model
        self.number = number
        self.sent: dict[int, Sent] = {}
        self.due = NEVER

    def start(self, queues: int = 1) -> StorageFault | None:
        fault: StorageFault | None = self.run(nvme_start, table()[self.number], u32(queues))
        return fault

    @property
    def controller(self) -> NvmeController:
        return NVME.controllers[self.number]

    def submit(
        self,
        operation: BlockOperation,
        sector: int = 0,
        sectors: int = 0,
        segments: list[Segment] | None = None,
        queue: int = 0,
        disk: int = 0,
        deadline: int | None = None,
    ) -> int | None:
        """The command's number; None when the queue takes nothing."""
        number = next(i for i in range(64) if i not in self.sent)
        command = COMMANDS[number]
        command.zero()
        command.operation = operation
        command.disk = u16(disk)
        command.sector, command.sectors = u64(sector), u32(sectors)
        command.deadline = u64(int(CLOCK.now) + SECOND if deadline is None else deadline)
        regions = []
        segments = segments or []
        command.segment_count = u32(len(segments))
        for i, (address, length) in enumerate(segments[:32]):
            command.segments[i].hpa = Hpa(address)
            command.segments[i].bytes = u32(length)
            regions.append((address, address + length, operation == BlockOperation.READ))
        self.model.regions += regions
        if not self.run(nvme_submit, u32(number), u32(queue)):
            for region in regions:
                self.model.regions.remove(region)
            return None
        self.sent[number] = Sent(queue, regions)
        self.due = min(self.due, int(command.deadline))
        return number

    def collect(self, queue: int = 0) -> tuple[int, BlockOutcome] | None:
        number = self.run(nvme_collect, u32(self.number), u32(queue))
        if number is None:
            return None
        sent = self.sent.pop(int(number))
        assert sent.queue == queue
        for region in sent.region:
            self.model.regions.remove(region)
        outcome = COMMANDS[int(number)].outcome
        assert outcome != BlockOutcome.PENDING
        return int(number), outcome

    def collect_all(self, queue: int = 0) -> dict[int, BlockOutcome]:
        found: dict[int, BlockOutcome] = {}
        while (one := self.collect(queue)) is not None:
            assert one[0] not in found
            found[one[0]] = one[1]
        return found

    def do(self, operation: BlockOperation, *arguments: Any, **named: Any) -> BlockOutcome:
        """One command, whose controller is quick."""
        number = self.submit(operation, *arguments, **named)
        found = self.collect_all(named.get("queue", 0))
        assert number is not None and list(found) == [number], (number, found)
        return found[number]

    def tick(self) -> int:
        self.due = int(self.run(nvme_tick, u32(self.number), u64(int(CLOCK.now))))
        return self.due

    def let_time_pass(self, until: int | None = None) -> int:
        """Ticks when they are due, at most so long; gives how many there were."""
        ticks = 0
        end = NEVER - 1 if until is None else int(CLOCK.now) + until
        while self.due <= end:
            CLOCK.now = u64(max(int(CLOCK.now), self.due))
            before = int(CLOCK.now)
            self.tick()
            ticks += 1
            assert self.due > before and ticks < 1_000_000
        return ticks


def disk(number: int = 0) -> Disk:
    assert number < int(DISKS.disk_count)
    return DISKS.disks[number]


def text(cells: Any) -> bytes:
    return bytes(int(cells[i]) for i in range(len(cells)))


def fill(address: int, data: bytes) -> None:
    host.memory.write(Hpa(address), data)


def content(address: int, length: int) -> bytes:
    return host.memory.read(Hpa(address), length)
