"""An NVMe controller in plain Python, written from NVM Express base 1.4: registers, doorbells, rings and DMA.

It checks the driver too. `Broken` is raised for what the specification leaves undefined or forbids, and for DMA to
memory that was not given to it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from codegen.lang import Hpa, host
from tests.pci.machine import Function
from tests.storage.nvme.command_model import Commands
from tests.storage.nvme.contracts import CLOCK, POOL
from tests.storage.nvme.namespace_model import Kind

MSIX_BYTES = 0x1000  # of the BAR's end
MSIX = 0x40  # the capability


class Broken(AssertionError):
    """The driver has done what it must not."""


@dataclass
class Ring:
    """A queue of either kind."""

    base: int
    entries: int
    head: int = 0
    tail: int = 0
    phase: int = 1
    completions: int = 0  # of submissions: where they end
    vector: int | None = None

    @property
    def full(self) -> bool:
        return (self.tail + 1) % self.entries == self.head


@dataclass(frozen=True)
class Fetched:
    """A command that the controller has taken from a ring."""

    queue: int
    entry: bytes
    id: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "id", int.from_bytes(self.entry[2:4], "little"))


class NvmeModel:
    """`automatic`: I/O commands are carried out when the doorbell rings, else by `work`."""

    def __init__(self, kind: Kind, base: int, size: int, function: Function) -> None:
        self.kind = kind
        self.size = size
        self.function = function
        self.pool_start = int(POOL.next)
        self.regions: list[tuple[int, int, bool]] = []  # data: from, to, the controller may write it
        self.configuration = 0
        self.ready = self.fatal = self.of_firmware = False
        self.changes_at: int | None = None  # when `ready` follows
        self.aqa = self.asq = self.acq = 0
        self.submissions: dict[int, Ring] = {}
        self.completions: dict[int, Ring] = {}
        self.waiting: list[Fetched] = []
        self.automatic = True
        self.never_ready = self.never_stops = self.silent_admin = self.fatal_at_start = False
        self.gone = False
        self.vanishes_after: int | None = None  # accesses
        self.refuses_after: int | None = None  # admin commands
        self.accesses = 0
        self.admin_commands = 0
        self.resets = 0
        self.messages: list[int] = []
        self.head_doorbells = 0
        self.msix = bytearray(MSIX_BYTES)
        self.commands = Commands(self)
        self.before_admin: Callable[[], None] = lambda: None
        host.bus.map_mmio(Hpa(base), size, self)

    @property
    def vectors(self) -> int:
        return (self.function.get(MSIX + 2, 2) & 0x7FF) + 1 if self.function.get(MSIX, 1) == 0x11 else 0

    def msix_is_on(self) -> bool:
        return self.vectors > 0 and self.function.get(MSIX + 2, 2) & 0x8000 != 0

    # ---- memory ----

    def dma(self, address: int, length: int, writes: bool) -> bool:
        """Whether it takes place; Broken when it must not."""
        if self.gone or not self.function.get(4, 2) & 4:
            return False
        for begin, end, writable in [(self.pool_start, int(POOL.next), True), *self.regions]:
            if begin <= address and address + length <= end and (writable or not writes):
                return True
        raise Broken(f"DMA at {address:#x}, {length} bytes, {writes=}")

    def fetch(self, address: int, length: int) -> bytes:
        return host.memory.read(Hpa(address), length) if self.dma(address, length, False) else bytes(length)

    def put(self, address: int, data: bytes) -> None:
        if self.dma(address, len(data), True):
            host.memory.write(Hpa(address), data)

    # ---- registers ----

    def touched(self) -> None:
        self.accesses += 1
        if self.vanishes_after is not None and self.accesses > self.vanishes_after:
            self.gone = True
            self.function.gone = True

    def read(self, offset: int, width: int, /) -> int:
        self.touched()
        if self.gone:
            return (1 << 8 * width) - 1
        if offset >= self.size - MSIX_BYTES:
            at = offset - (self.size - MSIX_BYTES)
            return int.from_bytes(self.msix[at : at + width], "little")
        self.follow()
        match offset, width:
            case 0x00, 8:
                return self.kind.capability()
            case 0x08, 4:
                return self.kind.version
            case 0x14, 4:
                return self.configuration
            case 0x1C, 4:
                return self.ready | self.fatal << 1
        raise Broken(f"a read of register {offset:#x}, {width} bytes")

    def write(self, offset: int, width: int, value: int, /) -> None:
        self.touched()
        if self.gone:
            return
        if offset >= self.size - MSIX_BYTES:
            at = offset - (self.size - MSIX_BYTES)
            self.msix[at : at + width] = value.to_bytes(width, "little")
            return
        self.follow()
        if offset >= 0x1000 and width == 4:
            self.doorbell(offset - 0x1000, value)
            return
        if offset in (0x24, 0x28, 0x30) and (self.configuration & 1 or self.ready):
            raise Broken(f"register {offset:#x} is written while it runs")
        match offset, width:
            case 0x14, 4:
                self.configure(value)
            case 0x24, 4:
                self.aqa = value
            case 0x28, 8:
                self.asq = value
            case 0x30, 8:
                self.acq = value
            case _:
                raise Broken(f"a write of register {offset:#x}, {width} bytes")

    def configure(self, value: int) -> None:
        was = self.configuration
        self.configuration = value
        now = int(CLOCK.now)
        if value & 1 and not was & 1:
            if self.ready:
                raise Broken("switched on while it is still stopping")
            if value != 0x0046_0001:
                raise Broken(f"CC is {value:#x}")
            self.changes_at = None if self.never_ready else now + self.kind.ready_after
        elif was & 1 and not value & 1:
            if not self.ready and not self.fatal and not self.never_ready:
                raise Broken("switched off while it is being switched on")
            self.changes_at = None if self.never_stops else now + self.kind.stopped_after
        elif value & 1 and value != was:
            raise Broken("CC changes while it runs")

    def left_by_firmware(self, ready: bool) -> None:
        """It was switched on, for queues that nobody has any more."""
        self.configuration = 0x0046_0001
        self.of_firmware = True
        self.ready = ready
        self.aqa, self.asq, self.acq = 0x001F_001F, 0x1000, 0x2000
        self.changes_at = None if ready or self.never_ready else int(CLOCK.now) + self.kind.ready_after

    def follow(self) -> None:
        """What the clock says has come."""
        if self.of_firmware and self.ready:
            self.put(0x2000, b"a completion of firmware's")
        if self.changes_at is None or int(CLOCK.now) < self.changes_at:
            return
        self.changes_at = None
        self.ready = bool(self.configuration & 1)
        if self.ready:
            self.fatal = self.fatal_at_start
            self.ready = not self.fatal
            entries = (self.aqa & 0xFFF) + 1, (self.aqa >> 16 & 0xFFF) + 1
            self.submissions = {0: Ring(self.asq, entries[0])}
            self.completions = {0: Ring(self.acq, entries[1], vector=0)}
            if min(entries) < 2 or self.asq % 4096 or self.acq % 4096:
                raise Broken("the admin queue")
        else:
            self.forget()

    def forget(self) -> None:
        """A controller level reset (7.3.2): no DMA behind it."""
        self.fatal = self.of_firmware = False
        self.resets += 1
        self.submissions.clear()
        self.completions.clear()
        self.waiting.clear()

    # ---- queues ----

    def doorbell(self, offset: int, value: int) -> None:
        stride = 4 << self.kind.stride
        if offset % stride or not self.ready or not self.configuration & 1:
            raise Broken(f"doorbell {offset:#x} of a controller that is {self.ready=}")
        queue, is_head = divmod(offset // stride, 2)
        ring = (self.completions if is_head else self.submissions).get(queue)
        if ring is None or value >= ring.entries:
            raise Broken(f"doorbell of queue {queue}: {value}")
        if is_head:
            if (value - ring.head) % ring.entries > (ring.tail - ring.head) % ring.entries or value == ring.head:
                raise Broken(f"the completions of {queue} are taken up to {value}, but there are none")
            ring.head = value
            self.head_doorbells += 1
            return
        if value == ring.tail:
            raise Broken(f"nothing new in queue {queue}")
        ring.tail = value
        while ring.head != ring.tail:
            entry = self.fetch(ring.base + 64 * ring.head, 64)
            ring.head = (ring.head + 1) % ring.entries
            self.take(Fetched(queue, entry))

    def take(self, command: Fetched) -> None:
        if command.queue == 0:
            self.before_admin()
            self.admin_commands += 1
            refused = self.refuses_after is not None and self.admin_commands > self.refuses_after
            if not self.silent_admin:
                status, result = (0x06, 0) if refused else self.commands.admin(command.entry)
                self.complete(command, status, result)
            return
        if any(each.queue == command.queue and each.id == command.id for each in self.waiting):
            raise Broken(f"two commands {command.id:#x} in queue {command.queue}")
        self.waiting.append(command)
        if self.automatic:
            self.work()

    def work(self, index: int = 0) -> Fetched:
        """Carry one of the waiting commands out, and complete it."""
        self.follow()
        command = self.waiting.pop(index)
        self.complete(command, self.commands.io(command.entry))
        return command

    def complete(self, command: Fetched, status: int, result: int = 0) -> None:
        if command.queue in self.submissions:
            submissions = self.submissions[command.queue]
            self.post(submissions.completions, command.id, command.queue, status, result, submissions.head)

    def post(self, queue: int, id: int, source: int, status: int, result: int = 0, head: int = 0) -> None:
        """A completion, whatever it says."""
        ring = self.completions[queue]
        if ring.full:
            raise Broken(f"the completions of {queue} are full")
        words = (result, 0, source << 16 | head, status << 17 | ring.phase << 16 | id)
        self.put(ring.base + 16 * ring.tail, b"".join(each.to_bytes(4, "little") for each in words))
        ring.tail = (ring.tail + 1) % ring.entries
        if ring.tail == 0:
            ring.phase ^= 1
        if ring.vector is not None and self.msix_is_on():
            self.messages.append(ring.vector)
