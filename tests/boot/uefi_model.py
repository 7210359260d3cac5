"""UEFI firmware in plain Python, as far as the loader calls it: handles with protocols, drives, a memory map."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from boot.uefi import tables
from boot.uefi.firmware import enter_firmware, start_firmware
from boot.uefi.tables import BlockIo, BlockMedia, BootServices, SystemTable
from codegen.lang import Hpa, Span, bind, host, phys, span, u64

ERROR = 1 << 63
INVALID_PARAMETER, BUFFER_TOO_SMALL, DEVICE_ERROR, NOT_FOUND = ERROR | 2, ERROR | 5, ERROR | 7, ERROR | 14
DESCRIPTOR = struct.Struct("<IIQQQQQ")  # longer than what the loader knows of it, as firmware may have it
END = bytes([0x7F, 0xFF, 4, 0])


def node(kind: int, content: bytes) -> bytes:
    """One node of a device path."""
    return struct.pack("<BBH", kind, 1, 4 + len(content)) + content


@dataclass
class Firmware:
    """`calls` are the names of what was called, in order. `map` is (type, start, pages).

    `on_exit` runs before each exit_boot_services: what the firmware's own event handlers do.
    """

    handles: dict[int, dict[bytes, int]] = field(default_factory=dict)
    drives: dict[int, bytes] = field(default_factory=dict)
    map: list[tuple[int, int, int]] = field(default_factory=lambda: [(7, 0x10_0000, 0x1000)])
    key: int = 77
    calls: list[str] = field(default_factory=list)
    on_exit: Callable[[], None] = lambda: None
    exited: bool = False
    _functions: dict[int, Callable[..., int]] = field(default_factory=dict)

    def change_map(self, *entries: tuple[int, int, int]) -> None:
        self.map += entries
        self.key += 1

    def place(self, content: bytes) -> int:
        """Bytes in memory; their address."""
        hpa = host.memory.allocate(max(len(content), 8), 16)
        host.memory.write(hpa, content)
        return int(hpa)

    def function(self, model: Callable[..., int]) -> int:
        """The address of one of the firmware's functions."""
        address = 0xF000_0000 + len(self._functions)
        self._functions[address] = model
        return address

    def call(self, function: u64, *arguments: u64) -> int:
        model = self._functions[int(function)]
        self.calls.append(model.__name__)
        assert not self.exited, f"{model.__name__} is called after the exit"
        return model(*map(int, arguments))

    def add_handle(self, handle: int, protocols: dict[Span, int]) -> int:
        self.handles[handle] = {bytes(guid): place for guid, place in protocols.items()}
        return handle

    def add_drive(self, handle: int, path: bytes, content: bytes, partition: bool = False) -> int:
        """Blocks of 512 bytes behind a device path."""
        media, block_io = host.memory.allocate(32, 8), host.memory.allocate(48, 8)
        block_media, interface = phys(BlockMedia, media), phys(BlockIo, block_io)
        block_media.present, block_media.partition, block_media.block_size = 1, int(partition), 512
        interface.media = media
        interface.read_blocks = u64(self.function(self.read_blocks))
        self.drives[int(block_io)] = content
        return self.add_handle(handle, {tables.BLOCK_IO: int(block_io), tables.DEVICE_PATH: self.place(path + END)})

    # Its services.

    def read_blocks(self, block_io: int, media: int, lba: int, size: int, place: int) -> int:
        piece = self.drives[block_io][lba * 512 : lba * 512 + size]
        if len(piece) != size:
            return DEVICE_ERROR
        host_write(place, piece)
        return 0

    def set_watchdog_timer(self, *_: int) -> int:
        return 0

    def handle_protocol(self, handle: int, guid: int, place: int, *_: int) -> int:
        found = self.handles.get(handle, {}).get(host_read(guid, 16))
        if found is None:
            return NOT_FOUND
        host_write(place, found.to_bytes(8, "little"))
        return 0

    def locate_handle_buffer(self, how: int, guid: int, _: int, count: int, place: int) -> int:
        found = [handle for handle, protocols in self.handles.items() if host_read(guid, 16) in protocols]
        if how != 2 or not found:
            return NOT_FOUND
        host_write(count, len(found).to_bytes(8, "little"))
        buffer = self.place(b"".join(handle.to_bytes(8, "little") for handle in found))
        host_write(place, buffer.to_bytes(8, "little"))
        return 0

    def get_memory_map(self, size: int, buffer: int, key: int, descriptor_size: int, version: int) -> int:
        room = int.from_bytes(host_read(size, 8), "little")
        content = b"".join(DESCRIPTOR.pack(kind, 0, start, start, pages, 0, 0)[:48] for kind, start, pages in self.map)
        host_write(size, len(content).to_bytes(8, "little"))
        if len(content) > room:
            return BUFFER_TOO_SMALL
        host_write(buffer, content)
        host_write(key, self.key.to_bytes(8, "little"))
        host_write(descriptor_size, DESCRIPTOR.size.to_bytes(8, "little"))
        host_write(version, (1).to_bytes(4, "little"))
        return 0

    def exit_boot_services(self, handle: int, key: int, *_: int) -> int:
        self.on_exit()
        if key != self.key:
            return INVALID_PARAMETER
        self.exited = True
        return 0


def host_read(address: int, size: int) -> bytes:
    return Span(address, size).__bytes__()


def host_write(address: int, content: bytes) -> None:
    Span(address, len(content)).copy_from(span(content))


SERVICES = (
    Firmware.set_watchdog_timer,
    Firmware.handle_protocol,
    Firmware.locate_handle_buffer,
    Firmware.get_memory_map,
    Firmware.exit_boot_services,
)


@contextmanager
def firmware() -> Iterator[Firmware]:
    """The model, started: what `enter_firmware` calls."""
    host.reset()
    model = Firmware()
    table, services = host.memory.allocate(120, 8), host.memory.allocate(376, 8)
    phys(SystemTable, table).boot_services = services
    for service in SERVICES:
        setattr(phys(BootServices, services), service.__name__, u64(model.function(getattr(model, service.__name__))))

    def call(function: u64, a: u64, b: u64, c: u64, d: u64, e: u64) -> u64:
        return u64(model.call(function, a, b, c, d, e))

    bind(enter_firmware, call)
    try:
        start_firmware(Hpa(int(table)))
        model.calls.clear()
        yield model
    finally:
        bind(enter_firmware, None)
        host.reset()
