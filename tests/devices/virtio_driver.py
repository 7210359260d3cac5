"""A driver of virtio devices in plain Python: from configuration space to used rings, by the specification alone."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any

from codegen.lang import Gpa, Hpa, Hva, bind, host, phys_span, storage, u16, u32, u64
from hypervisor.devices.board import Board, board_reset
from hypervisor.devices.mmio import mmio_read, mmio_write
from hypervisor.devices.pci.kinds import FunctionKind
from hypervisor.devices.ports import port_read, port_write
from hypervisor.devices.virtio.block import block_start
from hypervisor.devices.virtio.device import device_waits
from hypervisor.devices.virtio.entropy import entropy_start
from hypervisor.devices.virtio.machine_disk import disk_submit
from hypervisor.devices.virtio.serve import device_serve
from hypervisor.devices.virtio.slots import slots_add
from hypervisor.memory.guest import GuestMemory, add_slot
from tests.devices.execution import Run
from tests.devices.handed import HANDED, keep

RAM = 1 << 20
DISK = 256 << 10
ENABLE = 1 << 31
COMMON, NOTIFY, ISR, DEVICE = 1, 2, 3, 4
INDIRECT, EVENT_INDEX, VERSION_1 = 1 << 28, 1 << 29, 1 << 32
QUEUE_SIZE = 16
MEMORY_SPACE, BUS_MASTER, NO_INTX = 2, 4, 0x400
DESCRIPTORS, AVAILABLE, USED, TABLES, DATA = 0x1000, 0x2000, 0x3000, 0x4000, 0x10000

BOARD = storage(Board)
MEMORY = storage(GuestMemory)

Part = bytes | int
"""Of a request: bytes for the device, or a number of bytes from it."""


class Broken(Exception):
    """The device needs a reset."""


@dataclass
class Driver:
    """Of the device in slot 1. `disk` is where the host has a block device's bytes."""

    run: Run
    kind: FunctionKind = FunctionKind.BLOCK
    features: int = VERSION_1
    read_only: bool = False
    ram: int = 0
    disk: int = 0
    windows: dict[int, int] = field(default_factory=dict)
    multiplier: int = 0
    available: int = 0
    used: int = 0

    def __post_init__(self) -> None:
        host.reset()
        BOARD.zero()
        MEMORY.zero()
        HANDED.zero()
        bind(disk_submit, keep)
        ram = host.memory.allocate(RAM)
        self.ram, self.disk = int(ram), int(host.memory.allocate(DISK))
        add_slot(MEMORY, Gpa(0), u64(RAM), ram, True)
        device = slots_add(BOARD.virtio, BOARD.pci, self.kind)
        assert device is not None
        if self.kind == FunctionKind.BLOCK:
            device.disk.base, device.disk.bytes = host_address(self.disk), DISK
            device.disk.block = 512
            device.disk.read_only = self.read_only
            for place, byte in enumerate(b"serial"):
                device.disk.serial[place] = byte
            block_start(device)
        else:
            self.start_device(device)
        board_reset(BOARD, u64(0))
        self.find()

    def start_device(self, device: Any) -> None:
        """Of any other kind than a block device."""
        entropy_start(device)

    # ---- the bus

    def config(self, offset: int, width: int = 4) -> int:
        self.run(port_write, BOARD, u16(0xCF8), u32(4), u32(ENABLE | 1 << 11 | offset & ~3), u64(0))
        return int(self.run(port_read, BOARD, u16(0xCFC + offset % 4), u32(width), u64(0))) & (1 << 8 * width) - 1

    def set_config(self, offset: int, width: int, value: int) -> None:
        self.run(port_write, BOARD, u16(0xCF8), u32(4), u32(ENABLE | 1 << 11 | offset & ~3), u64(0))
        self.run(port_write, BOARD, u16(0xCFC + offset % 4), u32(width), u32(value), u64(0))

    def capabilities(self) -> list[tuple[int, int]]:
        """(ID, place)."""
        found, place = [], self.config(0x34, 1)
        while place:
            found.append((self.config(place, 1), place))
            place = self.config(place + 1, 1)
        return found

    def find(self) -> None:
        for number, place in self.capabilities():
            if number == 9:
                kind = self.config(place + 3, 1)
                self.windows[kind] = self.config(0x10) & ~15 | 0
                self.windows[kind] += self.config(place + 8)
                if kind == NOTIFY:
                    self.multiplier = self.config(place + 16)

    def read(self, window: int, offset: int, width: int) -> int:
        value = int(self.run(mmio_read, BOARD, Gpa(self.windows[window] + offset), u32(width)))
        return value & (1 << 8 * width) - 1

    def write(self, window: int, offset: int, width: int, value: int) -> None:
        self.run(mmio_write, BOARD, Gpa(self.windows[window] + offset), u32(width), u64(value))

    # ---- memory

    def get(self, gpa: int, size: int) -> bytes:
        return host.memory.read(Hpa(self.ram + gpa), size)

    def put(self, gpa: int, data: bytes) -> None:
        host.memory.write(Hpa(self.ram + gpa), data)

    # ---- the device

    def start(self, queue: int = 0, size: int = QUEUE_SIZE) -> None:
        """3.1.1, in its order."""
        self.set_config(4, 2, BUS_MASTER | MEMORY_SPACE)
        self.write(COMMON, 20, 1, 0)
        assert self.read(COMMON, 20, 1) == 0
        for status in (1, 3):
            self.write(COMMON, 20, 1, status)
        for half in (0, 1):
            self.write(COMMON, 8, 4, half)
            self.write(COMMON, 12, 4, self.features >> 32 * half & 0xFFFF_FFFF)
        self.write(COMMON, 20, 1, 11)
        assert self.read(COMMON, 20, 1) == 11
        self.write(COMMON, 22, 2, queue)
        self.write(COMMON, 24, 2, size)
        for offset, value in ((32, DESCRIPTORS), (40, AVAILABLE), (48, USED)):
            self.write(COMMON, offset, 8, value)
        self.put(DESCRIPTORS, bytes(0x3000))
        self.available = self.used = 0
        self.write(COMMON, 28, 2, 1)
        self.write(COMMON, 20, 1, 15)

    def describe(self, table: int, number: int, address: int, length: int, flags: int, following: int = 0) -> None:
        self.put(table + 16 * number, struct.pack("<QIHH", address, length, flags, following))

    def offer(self, head: int) -> None:
        self.put(AVAILABLE + 4 + 2 * (self.available % QUEUE_SIZE), struct.pack("<H", head))
        self.available = self.available + 1 & 0xFFFF
        self.put(AVAILABLE + 2, struct.pack("<H", self.available))

    def lay_out(self, parts: list[Part], indirect: bool) -> int:
        """Descriptors for these parts from the first on, or in a table; gives where the data begins."""
        table, place = TABLES if indirect else DESCRIPTORS, DATA
        for number, part in enumerate(parts):
            length = part if isinstance(part, int) else len(part)
            if isinstance(part, bytes):
                self.put(place, part)
            flags = (2 if isinstance(part, int) else 0) | (number + 1 < len(parts))
            self.describe(table, number, place, length, flags, number + 1)
            place += length + 3
        if indirect:
            self.describe(DESCRIPTORS, 0, TABLES, 16 * len(parts), 4)
        return DATA

    def ask(self, parts: list[Part], indirect: bool = False, queue: int = 0) -> bytes:
        """A whole request; what the device wrote, as much as it says."""
        place = self.lay_out(parts, indirect)
        self.offer(0)
        self.kick(queue)
        self.serve()
        ((head, written),) = self.given_back()
        assert head == 0
        result = b""
        for part in parts:
            length = part if isinstance(part, int) else len(part)
            result += self.get(place, length) if isinstance(part, int) else b""
            place += length + 3
        assert written <= len(result)
        return result

    def kick(self, queue: int = 0) -> None:
        self.write(COMMON, 22, 2, queue)
        self.write(NOTIFY, self.read(COMMON, 30, 2) * self.multiplier, 2, queue)

    def serve(self, most: int = 100) -> int:
        """Bursts until the device has nothing to do; how many."""
        bursts = 0
        device, function = BOARD.virtio.devices[0], BOARD.pci.functions[1]
        while self.run(device_waits, device) and bursts < most:
            bursts += 1
            if self.run(device_serve, device, function, MEMORY, BOARD.virtio.chain):
                raise Broken
        return bursts

    def given_back(self) -> list[tuple[int, int]]:
        """(head, bytes written) since the last time."""
        (index,) = struct.unpack("<H", self.get(USED + 2, 2))
        found = []
        while self.used != index:
            found.append(struct.unpack("<II", self.get(USED + 4 + 8 * (self.used % QUEUE_SIZE), 8)))
            self.used = self.used + 1 & 0xFFFF
        return found


def host_address(place: int) -> Hva:
    """Where the monitor finds physical memory of the host."""
    return phys_span(Hpa(place), u64(1)).address()
