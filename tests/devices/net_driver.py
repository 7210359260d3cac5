"""A driver of the network device in plain Python, by the specification alone, and a peer on the same network."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any

from codegen.lang import Hpa, Local, host, phys_span, u32, u64
from drivers.virtio.net import VirtioNetHeader
from hypervisor.devices.pci.kinds import FunctionKind
from hypervisor.devices.virtio.net import net_start
from hypervisor.devices.virtio.net_serve import net_frames_came, net_serve
from hypervisor.net.bucket import bucket_start
from hypervisor.net.frame_ring import frame_of, ring_drop, ring_peek
from hypervisor.net.port import MEMORY_FRAMES, PORTS, WAITING
from hypervisor.net.port_life import port_listen, port_open
from hypervisor.net.switch import Passage, switch_forward
from tests.devices.virtio_driver import BOARD, BUS_MASTER, COMMON, MEMORY, MEMORY_SPACE, Broken, Driver

CSUM, GUEST_CSUM, MTU, MAC, GUEST_TSO4, GUEST_TSO6 = (1 << n for n in (0, 1, 3, 5, 7, 8))
HOST_TSO4, HOST_TSO6, MRG_RXBUF, STATUS, CTRL_VQ, CTRL_RX, MQ = (1 << n for n in (11, 12, 15, 16, 17, 18, 22))
SIZE = 128
QUEUES_AT, QUEUE_BYTES = 0x20000, 0x8000
BUFFERS, TABLES_AT, SENDING = 0x50000, 0xD0000, 0xE0000
OWN, PEER = b"\x02\0\0\0\0\1", b"\x02\0\0\0\0\2"
HEADER = "<BBHHHHH"
ALL = 0xFFFF_FFFF_FFFF_FFFF


@dataclass
class Ring:
    """One queue, as its driver knows it."""

    number: int
    available: int = 0
    used: int = 0
    head: int = 0
    chains: dict[int, list[tuple[int, int]]] = field(default_factory=dict)

    @property
    def descriptors(self) -> int:
        return QUEUES_AT + self.number * QUEUE_BYTES

    @property
    def available_ring(self) -> int:
        return self.descriptors + 0x2000

    @property
    def used_ring(self) -> int:
        return self.descriptors + 0x3000


@dataclass
class NetDriver(Driver):
    """Of a device at port 0; port 1 is the peer's."""

    kind: FunctionKind = FunctionKind.NETWORK
    mtu: int = 1500
    rings: list[Ring] = field(default_factory=list)
    place: int = BUFFERS
    now: int = 1

    def start_device(self, device: Any) -> None:
        for number, address in enumerate((OWN, PEER)):
            port = PORTS[number]
            port.owner, port.number, port.mac = number, 0, int.from_bytes(address)
            port.any_source = number == 1
            port.frame_bytes = 9014
            bucket_start(port.limit, u64(0), u64(0))
            memory = host.memory.allocate(MEMORY_FRAMES * 4096)
            self.run(port_open, u32(number), phys_span(memory, u64(MEMORY_FRAMES * 4096)).address())
        self.run(port_listen, PORTS[1])
        net_start(device, PORTS[0], u32(self.mtu))

    # ---- set-up

    def start(self, queue: int = 5, size: int = SIZE) -> None:
        """With so many queues."""
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
        self.rings = [Ring(number) for number in range(queue)]
        self.place = BUFFERS
        for ring in self.rings:
            self.put(ring.descriptors, bytes(QUEUE_BYTES))
            self.write(COMMON, 22, 2, ring.number)
            self.write(COMMON, 24, 2, size)
            for offset, value in ((32, ring.descriptors), (40, ring.available_ring), (48, ring.used_ring)):
                self.write(COMMON, offset, 8, value)
            self.write(COMMON, 28, 2, 1)
        self.write(COMMON, 20, 1, 15)

    # ---- queues

    def chain(self, ring: Ring, parts: list[tuple[int, int]], writable: int, indirect: bool = False) -> int:
        """Offer descriptors (address, length), of which the last `writable` are the device's to write; the head."""
        flags = [2 if number >= len(parts) - writable else 0 for number in range(len(parts))]
        head = ring.head
        if indirect:
            table = TABLES_AT
            self.describe(ring.descriptors, head, table, 16 * len(parts), 4)
            numbers = list(range(len(parts)))
            ring.head = (head + 1) % SIZE
        else:
            table = ring.descriptors
            numbers = [(head + number) % SIZE for number in range(len(parts))]
            ring.head = (head + len(parts)) % SIZE
        for place, (address, length) in enumerate(parts):
            last = place + 1 == len(parts)
            self.describe(
                table, numbers[place], address, length, flags[place] | (not last), 0 if last else numbers[place + 1]
            )
        ring.chains[head] = parts
        self.put(ring.available_ring + 4 + 2 * (ring.available % SIZE), struct.pack("<H", head))
        ring.available = ring.available + 1 & 0xFFFF
        self.put(ring.available_ring + 2, struct.pack("<H", ring.available))
        return head

    def give(self, *sizes: int, queue: int = 0) -> None:
        """Buffers for frames, one chain each."""
        for size in sizes:
            self.put(self.place, b"\xee" * size)
            self.chain(self.rings[queue], [(self.place, size)], 1)
            self.place += size + 1
        self.kick(queue)

    def lay_out_frame(
        self, frame: bytes, header: bytes = bytes(12), cuts: tuple[int, ...] = (12,)
    ) -> list[tuple[int, int]]:
        whole = header + frame
        places = [0, *sorted(cut for cut in set(cuts) if 0 < cut < len(whole)), len(whole)]
        self.put(SENDING, whole)
        return [(SENDING + begin, end - begin) for begin, end in zip(places, places[1:], strict=False)]

    def transmit(
        self,
        frame: bytes,
        header: bytes = bytes(12),
        cuts: tuple[int, ...] = (12,),
        indirect: bool = False,
        queue: int = 1,
    ) -> None:
        """Send one frame, and wait for the device to be done with it."""
        head = self.chain(self.rings[queue], self.lay_out_frame(frame, header, cuts), 0, indirect)
        self.kick(queue)
        self.serve()
        assert self.done(queue) == [(head, 0)]

    def done(self, queue: int) -> list[tuple[int, int]]:
        """(head, bytes written) since the last time."""
        ring = self.rings[queue]
        (index,) = struct.unpack("<H", self.get(ring.used_ring + 2, 2))
        found = []
        while ring.used != index:
            found.append(struct.unpack("<II", self.get(ring.used_ring + 4 + 8 * (ring.used % SIZE), 8)))
            ring.used = ring.used + 1 & 0xFFFF
        return found

    def received(self, queue: int = 0) -> list[tuple[bytes, bytes]]:
        """Headers and frames that came; those of several buffers must be there whole."""
        frames, waiting = [], self.done(queue)
        while waiting:
            content = self.content(queue, *waiting.pop(0))
            (buffers,) = struct.unpack("<H", content[10:12])
            assert buffers > 0
            for _ in range(buffers - 1):
                content += self.content(queue, *waiting.pop(0))
            frames.append((content[:10], content[12:]))
        return frames

    def content(self, queue: int, head: int, written: int) -> bytes:
        chain = self.rings[queue].chains.pop(head)
        assert written <= sum(length for _, length in chain)
        return b"".join(self.get(address, length) for address, length in chain)[:written]

    def command(self, kind: int, number: int, data: bytes, queue: int = 4) -> int:
        """On the control queue: the answer."""
        self.put(SENDING, bytes([kind, number]) + data + b"\xff")
        parts = [(SENDING, 2), (SENDING + 2, len(data)), (SENDING + 2 + len(data), 1)]
        head = self.chain(self.rings[queue], parts, 1)
        self.kick(queue)
        self.serve()
        assert self.done(queue) == [(head, 1)]
        return self.get(SENDING + 2 + len(data), 1)[0]

    def serve(self, most: int = 200) -> int:
        """Look whether something has come, then bursts until the device has nothing to do; how many."""
        bursts = 0
        device, function = BOARD.virtio.devices[0], BOARD.pci.functions[1]
        if int(WAITING[0].ports.exchange(u32(0))) & 1:
            self.run(net_frames_came, device)
        while int(device.kicked) and bursts < most:
            bursts += 1
            self.now += 1
            if self.run(net_serve, device, function, MEMORY, BOARD.virtio.chain, u64(self.now)):
                raise Broken
        return bursts

    # ---- the peer

    def peer_sends(self, frame: bytes, header: bytes = bytes(12)) -> None:
        staging = host.memory.allocate(len(frame) + 8)
        host.memory.write(staging, frame)
        packed = Local(VirtioNetHeader)
        for name, value in zip(VirtioNetHeader.__layout__.fields, struct.unpack(HEADER, header), strict=True):
            setattr(packed, name, value)
        span = phys_span(staging, u64(len(frame)))
        self.run(switch_forward, PORTS[1], span, packed, u64(ALL), Local(Passage), u64(self.now))

    def peer_gets(self) -> list[tuple[bytes, bytes]]:
        """Headers (without the number of buffers) and frames."""
        ring, taken = PORTS[1].ring, []
        base = int(phys_span(Hpa(0), u64(1)).address())
        while (head := self.run(ring_peek, ring)) is not None:
            span = frame_of(head, head.bytes)
            content = host.memory.read(Hpa(int(span.address()) - base), int(head.bytes))
            names = VirtioNetHeader.__layout__.fields
            header = struct.pack(HEADER, *(int(getattr(head.header, name)) for name in names))
            taken.append((header[:10], content))
            self.run(ring_drop, ring, head)
        return taken
