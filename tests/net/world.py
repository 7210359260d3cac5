"""Ports of switches on the host, and a model of a switch in plain Python, made from what docs/network.md promises."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any

from codegen.lang import Hpa, Local, host, phys_span, u32, u64
from drivers.virtio.net import VirtioNetHeader
from hypervisor.net.bucket import bucket_start
from hypervisor.net.frame_ring import RING_BYTES, frame_of, ring_drop, ring_peek
from hypervisor.net.port import MEMORY_FRAMES, NO_VLAN, PORTS, WAITING, Drop
from hypervisor.net.port_life import port_listen, port_open
from hypervisor.net.switch import Passage, switch_forward
from tests.net.execution import Run
from tests.net.frames import mac

SECOND = 10**9
LIFETIME = 300 * SECOND
ALL_FEATURES = 0xFFFF_FFFF_FFFF_FFFF
HEADER = "<BBHHHHH"


@dataclass
class Plug:
    """How a port is configured. `plain` None: no frames without a tag."""

    network: int = 0
    plain: int | None = 0
    tags: tuple[int, ...] = ()
    address: bytes = mac(1)
    any_source: bool = False
    rate: int = 0
    burst: int = 0
    mtu: int = 1500


@dataclass
class Sent:
    """What became of a frame."""

    cause: Drop | None
    received: dict[int, tuple[bytes, bytes]]  # by port: header and frame
    woken: int


@dataclass
class World:
    """Ports 0, 1 ... are those of VM 0 with its three, of VM 1, and so on."""

    run: Run
    plugs: list[Plug]
    staging: Any = None
    now: int = 1

    def __post_init__(self) -> None:
        host.reset()
        for number, plug in enumerate(self.plugs):
            port = PORTS[number]
            port.network, port.owner, port.number = plug.network, number // 3, number % 3
            port.plain_vlan = NO_VLAN if plug.plain is None else plug.plain
            port.tag_count = len(plug.tags)
            for place, tag in enumerate(plug.tags):
                port.tags[place] = tag
            port.mac = int.from_bytes(plug.address)
            port.any_source = plug.any_source
            port.frame_bytes = plug.mtu + 14
            bucket_start(port.limit, u64(plug.rate), u64(plug.burst))
            memory = host.memory.allocate(MEMORY_FRAMES * 4096)
            self.run(port_open, u32(number), phys_span(memory, u64(RING_BYTES)).address())
            self.run(port_listen, port)
        self.staging = host.memory.allocate(1 << 17)

    def forward(self, number: int, frame: bytes, header: bytes = bytes(12), features: int = ALL_FEATURES) -> int:
        """The device of a port sends; who is woken."""
        host.memory.write(self.staging, frame)
        packed = Local(VirtioNetHeader)
        for name, value in zip(VirtioNetHeader.__layout__.fields, struct.unpack(HEADER, header), strict=True):
            setattr(packed, name, value)
        passage = Local(Passage)
        span = phys_span(self.staging, u64(len(frame)))
        self.run(switch_forward, PORTS[number], span, packed, u64(features), passage, u64(self.now))
        return int(passage.woken)

    def send(self, number: int, frame: bytes, header: bytes = bytes(12), features: int = ALL_FEATURES) -> Sent:
        """The same; all ports take what has come at once."""
        before = [int(PORTS[number].drops[cause]) for cause in range(4)]
        woken = self.forward(number, frame, header, features)
        causes = [Drop.checked(u32(i)) for i in range(4) if int(PORTS[number].drops[i]) != before[i]]
        assert len(causes) <= 1
        received = {}
        for place in range(len(self.plugs)):
            frames = self.take(place)
            assert len(frames) <= 1
            if frames:
                received[place] = frames[0]
        return Sent(causes[0] if causes else None, received, woken)

    def take(self, number: int) -> list[tuple[bytes, bytes]]:
        """All that waits at a port."""
        ring, taken = PORTS[number].ring, []
        WAITING[number // 3].ports.fetch_and(u32(~(1 << number % 3) & 0xFFFF_FFFF))
        while (head := self.run(ring_peek, ring)) is not None:
            span = frame_of(head, head.bytes)
            content = bytes(int(span[i]) for i in range(int(head.bytes))) if int(head.bytes) < 200 else bytes_of(span)
            names = VirtioNetHeader.__layout__.fields
            taken.append((struct.pack(HEADER, *(int(getattr(head.header, name)) for name in names)), content))
            self.run(ring_drop, ring, head)
        return taken


def bytes_of(span: Any) -> bytes:
    """All bytes of a span in host memory."""
    base = int(phys_span(Hpa(0), u64(1)).address())
    return host.memory.read(Hpa(int(span.address()) - base), len(span))


@dataclass
class Model:
    """One frame at a time; every receiver has room."""

    plugs: list[Plug]
    learned: list[dict[tuple[int, bytes], int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.learned = [{} for _ in self.plugs]

    def send(self, number: int, frame: bytes, now: int) -> tuple[Drop | None, dict[int, bytes]]:
        """Why it is not sent, or what each port gets. (Rates and headers have tests of their own.)"""
        plug = self.plugs[number]
        if len(frame) < 14:
            return Drop.MALFORMED, {}
        tag, plain = None, frame
        if frame[12:14] == b"\x81\x00" and len(frame) >= 18:
            tag, plain = struct.unpack(">H", frame[14:16])[0], frame[:12] + frame[16:]
        vlan: int | None
        if tag is None or tag & 0xFFF == 0:
            vlan = plug.plain
        else:
            vlan = tag & 0xFFF if tag & 0xFFF in plug.tags else None
        if vlan is None or plain[12:14] in (b"\x81\x00", b"\x88\xa8", b"\x91\x00"):
            return Drop.VLAN, {}
        source = plain[6:12]
        if source[0] & 1 or source != plug.address and not plug.any_source:
            return Drop.SPOOFED, {}
        if len(plain) > plug.mtu + 14:
            return Drop.MALFORMED, {}
        if source != plug.address:
            self.learned[number][vlan, source] = now
        inside = [n for n, other in enumerate(self.plugs) if other.network == plug.network and self.carries(n, vlan)]
        priority = 0 if tag is None else tag & 0xF000
        return None, {
            n: self.dressed(n, plain, vlan, priority)
            for n in self.receivers(inside, plain[:6], vlan, now)
            if n != number
        }

    def carries(self, number: int, vlan: int) -> bool:
        return vlan == self.plugs[number].plain or vlan in self.plugs[number].tags

    def receivers(self, inside: list[int], to: bytes, vlan: int, now: int) -> list[int]:
        if to[0] & 1:
            return inside
        owners = [n for n in inside if self.plugs[n].address == to]
        if owners:
            return owners[:1]
        seen = {
            n: self.learned[n][vlan, to]
            for n in inside
            if (vlan, to) in self.learned[n] and now - self.learned[n][vlan, to] <= LIFETIME
        }
        return [max(seen, key=lambda n: (seen[n], -n))] if seen else inside

    def dressed(self, number: int, plain: bytes, vlan: int, priority: int) -> bytes:
        if self.plugs[number].plain == vlan:
            return plain
        return plain[:12] + struct.pack(">HH", 0x8100, priority | vlan) + plain[12:]


def header(flags: int = 0, kind: int = 0, length: int = 0, size: int = 0, start: int = 0, offset: int = 0) -> bytes:
    """A virtio-net header."""
    return struct.pack(HEADER, flags, kind, length, size, start, offset, 0)
