"""A virtio network device in plain Python (virtio 1.2, 5.1), and a user of its port."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from codegen.lang import span_at, storage, u32, u64
from drivers.net.fault import NetFault
from drivers.net.frame import Frame
from drivers.net.port import NET
from drivers.net.virtio.receive import virtio_net_receive, virtio_net_receive_done
from drivers.net.virtio.send import virtio_net_room, virtio_net_send
from drivers.net.virtio.start import virtio_net_start
from drivers.net.virtio.tick import virtio_net_tick
from tests.virtio.device import ACCESS_PLATFORM, EVENT_INDEX, INDIRECT, VERSION_1, Chain, VirtioDevice, demand
from tests.virtio.execution import Run
from tests.virtio.machine import POOL_BYTES, Machine

SECOND = 1_000_000_000
CSUM, GUEST_CSUM, MAC, GUEST_TSO4, HOST_TSO4, HOST_TSO6, MRG_RXBUF, STATUS, CTRL_VQ = (
    1 << n for n in (0, 1, 5, 7, 11, 12, 15, 16, 17)
)
PLAIN = VERSION_1 | ACCESS_PLATFORM | INDIRECT | EVENT_INDEX | MAC | STATUS | MRG_RXBUF | CTRL_VQ | GUEST_CSUM
ALL = PLAIN | CSUM | HOST_TSO4 | HOST_TSO6 | GUEST_TSO4
ADDRESS = b"\x52\x54\x00\x12\x34\x56"
RECEIVE, SEND = 0, 1
FRAME = storage(Frame)


def configuration(mac: bytes = ADDRESS, status: int = 1) -> bytes:
    """struct virtio_net_config (5.1.4)."""
    return mac + struct.pack("<HHH", status, 1, 1500)


@dataclass
class Sent:
    """A frame, and what its header asks for: flags, gso_type, hdr_len, gso_size, csum_start, csum_offset."""

    header: tuple[int, ...]
    data: bytes


class NetDevice(VirtioDevice):
    """`sent` is what has left; `receive` brings a frame."""

    def __init__(self, features: int = ALL, config: bytes = configuration(), size: int = 256, vectors: int = 3) -> None:
        super().__init__(0x1041, features, config, 3, size, vectors)
        self.sent: list[Sent] = []

    def wake(self, number: int) -> None:
        self.queues[number].asleep = False
        if number == SEND and self.eager and not self.silent:
            self.serve(number)
        elif number == RECEIVE:
            self.fetch(number)

    def work(self, chain: Chain) -> int:
        demand(not any(writes for _, _, writes in chain.parts), "what is sent is read")
        data = b"".join(self.get(address, length) for address, length, _ in chain.parts)
        flags, kind, *numbers = struct.unpack_from("<BBHHHHH", data)
        demand(numbers.pop() == 0, "num_buffers is 0 when sent (5.1.6.2)")
        demand(flags in (0, 1) and (flags == 0 or bool(self.accepted & CSUM)), "a checksum without the feature")
        demand(kind == 0 or bool(self.accepted & {1: HOST_TSO4, 4: HOST_TSO6}[kind]), "segments without the feature")
        demand(kind == 0 or flags == 1, "segments need a checksum (5.1.6.2)")
        demand(len(data) - 12 <= (65550 if kind else 1518), "a frame that is too long")
        self.sent.append(Sent((flags, kind, *numbers), data[12:]))
        return 0

    def receive(self, frame: bytes, length: int | None = None) -> bool:
        """Into the next buffer; False when there is none. `length`: what is said of it."""
        self.fetch(RECEIVE)
        queue = self.queues[RECEIVE]
        if not queue.waiting:
            return False
        chain = queue.waiting.pop(0)
        data = struct.pack("<BBHHHHH", 0, 0, 0, 0, 0, 0, 1) + frame
        room = sum(size for _, size, _ in chain.parts)
        demand(all(writes for _, _, writes in chain.parts) and room >= 12 + 1514, "a buffer for receiving (5.1.6.3)")
        place = 0
        for address, size, _ in chain.parts:
            piece = data[place : place + size]
            if piece:
                self.put(address, piece)
            place += size
        self.give_back(RECEIVE, chain.head, len(data) if length is None else length)
        return True

    def set_link(self, up: bool) -> None:
        self.configuration[6] = up


class User:
    """Of the first port. `keywords`: a NetDevice's."""

    def __init__(
        self,
        run: Run,
        memory: int = POOL_BYTES,
        before: Callable[[NetDevice], None] = lambda device: None,
        **keywords: Any,
    ) -> None:
        self.run = run
        self.machine = Machine(memory)
        self.device = NetDevice(**keywords)
        before(self.device)
        (self.function,) = self.machine.plug(self.device)
        self.fault: NetFault | None = run(virtio_net_start, self.function)

    @property
    def port(self) -> Any:
        return NET.ports[0]

    def room(self) -> Any:
        return self.run(virtio_net_room, u32(0))

    def send(self, data: bytes, **offload: int) -> bool:
        """False when there is no room."""
        place = self.room()
        if place is None:
            return False
        assert self.room() == place
        span = span_at(place, u64(len(data)))
        for i, byte in enumerate(data):
            span[i] = byte
        FRAME.zero()
        FRAME.at, FRAME.bytes = place, len(data)
        for name, value in offload.items():
            setattr(FRAME, name, value)
        self.run(virtio_net_send, u32(0), FRAME)
        assert self.device.unheard() == [] or self.device.silent
        return True

    def take(self) -> bytes | None:
        """A received frame, whose buffer the driver keeps."""
        if not self.run(virtio_net_receive, u32(0), FRAME):
            return None
        assert not FRAME.checksum_wanted and not FRAME.checksum_good and int(FRAME.segment) == 0
        return self.held()

    def held(self) -> bytes:
        span = span_at(FRAME.at, u64(int(FRAME.bytes)))
        return bytes(int(span[i]) for i in range(int(FRAME.bytes)))

    def done(self) -> None:
        self.run(virtio_net_receive_done, u32(0))
        assert self.device.unheard() == []

    def take_all(self) -> list[bytes]:
        found = []
        while (frame := self.take()) is not None:
            found.append(frame)
            self.done()
        return found

    def tick(self, later: int = 0) -> int:
        """Gives when it wants to be called again, from now; -1 never."""
        self.machine.clock.now += later
        now = self.machine.clock.now
        then = int(self.run(virtio_net_tick, u32(0), u64(now)))
        return -1 if then == 2**64 - 1 else then - now

    def recover(self) -> None:
        for _ in range(5000):
            if self.tick(1_000_000) != 1_000_000:
                return
        raise AssertionError("it is being reset for ever")
