"""A virtio device over PCI in plain Python, by the specification (virtio 1.2): registers, split rings, interrupts.

It checks its driver too: a register written in the wrong state, a chain that was never told of, memory that nobody
handed out.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from codegen.lang import Hpa, host
from tests.pci.machine import Function, Region
from tests.virtio.contracts import CLOCK, POOL

BAR, BAR_BYTES = 0xE000_0000, 0x8000
COMMON_AT, NOTIFY_AT, DEVICE_AT, TABLE_AT, PENDING_AT = 0x0, 0x1000, 0x2000, 0x4000, 0x5000
NO_VECTOR = 0xFFFF
ACKNOWLEDGE, DRIVER, DRIVER_OK, FEATURES_OK, NEEDS_RESET = 1, 2, 4, 8, 0x40
INDIRECT, EVENT_INDEX, VERSION_1, ACCESS_PLATFORM = 1 << 28, 1 << 29, 1 << 32, 1 << 33
NEXT, WRITE, TABLE = 1, 2, 4


class Misdriven(Exception):
    """The driver has done what the specification forbids."""


def demand(holds: bool, what: str) -> None:
    if not holds:
        raise Misdriven(what)


class Clock:
    """Time passes with each look."""

    def __init__(self) -> None:
        self.now = 1_000_000_000
        self.step = 1_000_000
        host.bus.map_mmio(Hpa(CLOCK), 8, self)

    def read(self, offset: int, width: int, /) -> int:
        self.now += self.step
        return self.now

    def write(self, offset: int, width: int, value: int, /) -> None:
        raise Misdriven("nobody sets the clock")


@dataclass
class Queue:
    """`seen`: chains taken from the available ring; `used`: given back. `asleep`: only a notification wakes it."""

    size: int
    most: int
    vector: int = NO_VECTOR
    enabled: bool = False
    areas: dict[str, int] = field(default_factory=lambda: {"descriptors": 0, "available": 0, "used": 0})
    seen: int = 0
    used: int = 0
    asleep: bool = True
    notified: int = 0
    interrupts: int = 0
    waiting: list[Chain] = field(default_factory=list)


@dataclass
class Chain:
    """Of descriptors: (address, length, whether the device writes)."""

    head: int
    parts: list[tuple[int, int, bool]]
    indirect: bool


class VirtioDevice:
    """`work` makes something of a chain's parts and says how many bytes it has written."""

    def __init__(
        self,
        device_id: int,
        features: int,
        configuration: bytes,
        queues: int,
        size: int = 256,
        vectors: int = 16,
        stride: int = 4,
    ) -> None:
        self.features = features
        self.configuration = bytearray(configuration)
        self.queue_count, self.most = queues, size
        self.stride = stride
        self.reset_reads = 0  # reads of the status until a reset is over
        self.dead = False  # all ones
        self.silent = False  # takes chains and does not end them
        self.eager = True  # does its work when told
        self.lent: list[tuple[int, int]] = []  # memory that commands hand out
        self.resets = 0
        self.steps = 0
        self.on_step: Callable[[int], None] = lambda step: None
        self.status = self.accepted = 0
        self.resetting = 0
        self.table = bytearray(b"\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0" * vectors)
        self.generation = 0
        self.moved: list[tuple[int, int]] = []
        self.forget()
        self.function = Function(device_id << 16 | 0x1AF4, 0x010000, {4: Region(4 | 8, BAR_BYTES, BAR)})
        self.windows()
        if vectors:
            control = struct.pack("<HII", vectors - 1, TABLE_AT | 4, PENDING_AT | 4)
            self.function.add_capability(0x11, control, b"\x00\xc0")
        host.bus.map_mmio(Hpa(BAR), BAR_BYTES, self)

    def windows(self) -> None:
        """The capabilities of an honest device."""
        self.add_window(1, 4, COMMON_AT, 0x38)
        self.add_window(3, 4, 0x800, 1)
        self.add_window(4, 4, DEVICE_AT, max(len(self.configuration), 1))
        self.add_window(2, 4, NOTIFY_AT, self.stride * self.queue_count + 4, struct.pack("<I", self.stride))

    def add_window(self, kind: int, bar: int, offset: int, length: int, more: bytes = b"", cap: int = 0) -> None:
        body = struct.pack("<BBB3xII", cap or 16 + len(more), kind, bar, offset, length) + more
        self.function.add_capability(9, body)

    def forget(self) -> None:
        """What a reset does (2.4)."""
        self.status = self.accepted = 0
        self.feature_select = self.driver_select = self.queue_select = 0
        self.configuration_vector = NO_VECTOR
        self.queues = [Queue(self.most, self.most) for _ in range(self.queue_count)]

    # ---- memory

    def master(self) -> bool:
        return bool(self.function.get(4, 2) & 4)

    def touch(self, address: int, length: int) -> None:
        demand(self.master(), "DMA of a function that is no bus master")
        demand(self.status != 0 or self.resetting > 0, "DMA of a device that was reset")
        own = (self.pool, int(POOL.next) - self.pool)
        inside = any(start <= address and address + length <= start + size for start, size in [own, *self.lent])
        demand(inside, f"{length} bytes at {address:#x} are nobody's")

    pool = 0

    def get(self, address: int, length: int) -> bytes:
        self.touch(address, length)
        return host.memory.read(Hpa(address), length)

    def put(self, address: int, data: bytes) -> None:
        self.touch(address, len(data))
        host.memory.write(Hpa(address), data)

    def word(self, address: int) -> int:
        return int.from_bytes(self.get(address, 2), "little")

    # ---- registers

    def step(self) -> None:
        self.steps += 1
        self.on_step(self.steps)

    def read(self, offset: int, width: int, /) -> int:
        self.step()
        if self.dead:
            return (1 << 8 * width) - 1
        if offset < NOTIFY_AT:
            return self.read_common(offset, width)
        if DEVICE_AT <= offset < DEVICE_AT + max(len(self.configuration), 1):
            demand(offset % width == 0, "a misaligned read of the configuration")
            data = self.configuration[offset - DEVICE_AT : offset - DEVICE_AT + width]
            return int.from_bytes(data, "little")
        if TABLE_AT <= offset < TABLE_AT + len(self.table):
            return int.from_bytes(self.table[offset - TABLE_AT : offset - TABLE_AT + width], "little")
        raise Misdriven(f"a read of {width} bytes at {offset:#x}")

    def read_common(self, offset: int, width: int) -> int:
        queue = self.queues[self.queue_select] if self.queue_select < self.queue_count else None
        match offset, width:
            case 4, 4:
                demand(bool(self.status & DRIVER), "features of a device without a driver")
                return self.features >> 32 * self.feature_select & 0xFFFF_FFFF if self.feature_select < 2 else 0
            case 16, 2:
                return self.configuration_vector
            case 18, 2:
                return self.queue_count
            case 20, 1:
                return self.read_status()
            case 21, 1:
                return self.generation
            case 24, 2:
                return queue.size if queue is not None else 0
            case 26, 2:
                return queue.vector if queue is not None else NO_VECTOR
            case 28, 2:
                return int(queue.enabled) if queue is not None else 0
            case 30, 2:
                return self.queue_select
        raise Misdriven(f"a read of {width} bytes at {offset:#x}")

    def read_status(self) -> int:
        if self.resetting:
            self.resetting -= 1
            if self.resetting == 0:
                self.forget()
                self.resets += 1
        return self.status

    def write(self, offset: int, width: int, value: int, /) -> None:
        self.step()
        if self.dead:
            return
        if NOTIFY_AT <= offset < DEVICE_AT:
            number = (offset - NOTIFY_AT) // self.stride if self.stride else value
            demand(width == 2 and value == number < self.queue_count, "a notification of another queue")
            demand(bool(self.status & DRIVER_OK) and self.queues[number].enabled, "a notification before DRIVER_OK")
            self.queues[number].notified += 1
            self.wake(number)
        elif TABLE_AT <= offset < TABLE_AT + len(self.table):
            demand(width == 4, "a vector is written by dwords")
            self.table[offset - TABLE_AT : offset - TABLE_AT + 4] = value.to_bytes(4, "little")
        elif offset == 20:
            demand(width == 1, "the status is a byte")
            self.write_status(value)
        else:
            demand(offset < NOTIFY_AT, f"a write at {offset:#x}")
            self.write_common(offset, width, value)

    def write_status(self, value: int) -> None:
        if value == 0:
            if self.reset_reads == 0:
                self.forget()
                self.resets += 1
            else:
                self.resetting = self.reset_reads
            return
        demand(self.resetting == 0, "a device is set up before its reset is over (4.1.4.3.2)")
        demand(value & self.status == self.status & ~NEEDS_RESET, "status bits are not taken back (2.1.1)")
        order = (ACKNOWLEDGE, ACKNOWLEDGE | DRIVER, ACKNOWLEDGE | DRIVER | FEATURES_OK, 15)
        demand(value in order and value != self.status, f"status {value:#x} after {self.status:#x} (3.1.1)")
        demand(order.index(value) == (order.index(self.status) + 1 if self.status else 0), "a step was left out")
        if value & FEATURES_OK and not self.status & FEATURES_OK:
            demand(self.accepted & ~self.features == 0, "a feature that was not offered")
            demand(bool(self.accepted & VERSION_1), "a driver of the old interface")
            if self.refuse_features:
                value &= ~FEATURES_OK
        self.status = value

    refuse_features = False
    refuse_vectors = False

    def write_common(self, offset: int, width: int, value: int) -> None:
        demand(self.resetting == 0, "a register is written before the reset is over")
        match offset, width:
            case 0, 4:
                self.feature_select = value
                return
            case 8, 4:
                self.driver_select = value
                return
            case 12, 4:
                demand(self.status == ACKNOWLEDGE | DRIVER, "features are negotiated after DRIVER, before FEATURES_OK")
                shift = 32 * self.driver_select
                self.accepted = self.accepted & ~(0xFFFF_FFFF << shift) | value << shift
                return
            case 16, 2:
                self.configuration_vector = NO_VECTOR if self.refuse_vectors else value
                return
            case 22, 2:
                self.queue_select = value
                return
        demand(self.queue_select < self.queue_count, "a queue that does not exist")
        queue = self.queues[self.queue_select]
        demand(bool(self.status & FEATURES_OK), "queues are set up after FEATURES_OK (3.1.1)")
        demand(not queue.enabled and not self.status & DRIVER_OK, "a queue in use is changed")
        match offset, width:
            case 24, 2:
                demand(0 < value <= queue.most and value & value - 1 == 0, f"a queue of {value}")
                queue.size = value
            case 26, 2:
                queue.vector = value if value < len(self.table) // 16 and not self.refuse_vectors else NO_VECTOR
            case 28, 2:
                demand(value == 1, "a queue is enabled by 1")
                areas = queue.areas
                aligned = areas["descriptors"] % 16 == areas["available"] % 2 == areas["used"] % 4 == 0
                demand(aligned and all(areas.values()), f"areas at {areas}")
                queue.enabled = True
            case ((32 | 36 | 40 | 44 | 48 | 52), 4):
                name = ("descriptors", "available", "used")[(offset - 32) // 8]
                shift = 8 * (offset % 8)
                queue.areas[name] = queue.areas[name] & ~(0xFFFF_FFFF << shift) | value << shift
            case _:
                raise Misdriven(f"a write of {width} bytes at {offset:#x}")

    # ---- queues

    @property
    def event_index(self) -> bool:
        return bool(self.accepted & EVENT_INDEX)

    def wake(self, number: int) -> None:
        self.queues[number].asleep = False
        if self.eager and not self.silent:
            self.serve(number)

    def fetch(self, number: int) -> None:
        """Take what is available into `waiting`; then sleep, and say when to be woken (2.7.10)."""
        queue = self.queues[number]
        if not self.status & DRIVER_OK or self.status & NEEDS_RESET or not queue.enabled or self.dead:
            return
        while True:
            index = self.word(queue.areas["available"] + 2)
            demand(index - queue.seen & 0xFFFF <= queue.size, "more is available than the queue holds")
            while queue.seen != index:
                head = self.word(queue.areas["available"] + 4 + 2 * (queue.seen % queue.size))
                queue.seen = queue.seen + 1 & 0xFFFF
                queue.waiting.append(self.chain(queue, head))
            if self.event_index:
                self.put(queue.areas["used"] + 4 + 8 * queue.size, struct.pack("<H", queue.seen))
            else:
                self.put(queue.areas["used"], b"\0\0")
            queue.asleep = True
            if self.word(queue.areas["available"] + 2) == index:
                return

    def chain(self, queue: Queue, head: int) -> Chain:
        table, entries, at, indirect = queue.areas["descriptors"], queue.size, head, False
        parts: list[tuple[int, int, bool]] = []
        while True:
            demand(at < entries, f"descriptor {at} of {entries}")
            address, length, flags, following = struct.unpack("<QIHH", self.get(table + 16 * at, 16))
            if flags & TABLE:
                demand(bool(self.accepted & INDIRECT), "an indirect descriptor, without the feature")
                demand(not indirect and flags == TABLE and length % 16 == 0 and length > 0, "a bad indirect table")
                table, entries, at, indirect = address, length // 16, 0, True
                continue
            demand(length > 0, "an empty descriptor")
            demand(bool(flags & WRITE) or not parts or not parts[-1][2], "readable ones come first (2.7.4.2)")
            self.touch(address, length)
            parts.append((address, length, bool(flags & WRITE)))
            demand(len(parts) <= queue.size, "a chain is longer than its queue")
            if not flags & NEXT:
                return Chain(head, parts, indirect)
            at = following

    def unheard(self) -> list[int]:
        """Queues with chains that this sleeping device was never told of."""
        found = []
        for number, queue in enumerate(self.queues):
            if queue.enabled and queue.asleep and self.status & DRIVER_OK and self.master() and not self.dead:
                found += [number] if self.word(queue.areas["available"] + 2) != queue.seen else []
        return found

    def serve(self, number: int) -> None:
        """All that is there, in order."""
        self.fetch(number)
        while self.queues[number].waiting:
            self.finish(number, 0)
            self.fetch(number)

    def finish(self, number: int, which: int) -> None:
        chain = self.queues[number].waiting.pop(which)
        self.give_back(number, chain.head, self.work(chain))

    def work(self, chain: Chain) -> int:
        raise NotImplementedError

    def give_back(self, number: int, head: int, written: int) -> None:
        """A used element, and the interrupt if the driver wants it (2.7.7, 2.7.10)."""
        queue = self.queues[number]
        self.put(queue.areas["used"] + 4 + 8 * (queue.used % queue.size), struct.pack("<II", head, written))
        self.set_used(number, queue.used + 1)

    def set_used(self, number: int, index: int) -> None:
        queue = self.queues[number]
        before, queue.used = queue.used, index & 0xFFFF
        self.put(queue.areas["used"] + 2, struct.pack("<H", queue.used))
        available = queue.areas["available"]
        if self.event_index:
            event = self.word(available + 4 + 2 * queue.size)
            wanted = queue.used - event - 1 & 0xFFFF < queue.used - before & 0xFFFF
        else:
            wanted = not self.word(available) & 1
        queue.interrupts += wanted and queue.vector != NO_VECTOR

    def flags_of(self, number: int) -> int:
        return self.word(self.queues[number].areas["available"])

    def refuse_notifications(self, number: int) -> None:
        """Poll instead."""
        queue = self.queues[number]
        queue.asleep = False
        if self.event_index:
            self.put(queue.areas["used"] + 4 + 8 * queue.size, struct.pack("<H", queue.seen - 1 & 0xFFFF))
        else:
            self.put(queue.areas["used"], b"\1\0")

    def need_reset(self) -> None:
        self.status |= NEEDS_RESET
