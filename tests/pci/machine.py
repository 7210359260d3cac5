"""A hierarchy of PCI functions in plain Python: bridges pass configuration cycles on by their bus numbers, base address
registers keep the bits that they decode, and everything else is as hostile as a test makes it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

IO, MEMORY = 1, 2
Place = tuple[int, int, int]  # bus, device, function


@dataclass(frozen=True)
class Region:
    """What a BAR asks for; `kind` is its low bits: 1 I/O, 0 memory, 4 64-bit, +8 prefetchable."""

    kind: int
    size: int
    address: int = 0

    @property
    def slots(self) -> int:
        return 2 if self.kind & 7 == 4 else 1


class Function:
    """256 bytes, or 4096, of registers, each with the mask of its writable bits."""

    def __init__(
        self,
        identity: int = 0x1234_8086,
        class_code: int = 0x020000,
        regions: dict[int, Region] | None = None,
        several: bool = False,
        layout: int = 0,
    ) -> None:
        self.bytes = bytearray(4096)
        self.writable = bytearray(4096)
        self.gone = False
        self.free = 0x40  # where the next capability goes
        self.last_pointer = 0x34
        self.regions = regions or {}
        self.moved_while_decoding: list[int] = []
        self.put(0, 4, identity)
        self.put(8, 4, class_code << 8 | 0x02)
        self.bytes[0x0E] = layout | 0x80 * several
        self.put(4, 2, IO | MEMORY | 4)
        self.writable[4:6] = (0x0547).to_bytes(2, "little")
        self.put(6, 2, 0xF900)  # errors that firmware left behind: cleared by ones
        if layout == 0:
            self.put(0x2C, 4, 0x5678_1AF4)
        self.put(0x3C, 2, 0x010B)
        self.writable[0x3C] = 0xFF
        for number, region in self.regions.items():
            self.put_region(0x10 + 4 * number, region)

    def put(self, register: int, width: int, value: int) -> None:
        self.bytes[register : register + width] = value.to_bytes(width, "little")

    def get(self, register: int, width: int) -> int:
        return int.from_bytes(self.bytes[register : register + width], "little")

    def put_region(self, register: int, region: Region) -> None:
        width = 4 * region.slots
        ignored = region.size - 1 | (3 if region.kind & 1 else 15)
        self.put(register, width, region.address & ~ignored | region.kind)
        self.writable[register : register + width] = (~ignored & (1 << 8 * width) - 1).to_bytes(width, "little")

    def add_capability(self, id: int, body: bytes, writable: bytes = b"") -> int:
        """The list exists from the first one on; gives its register."""
        register = self.free
        self.free += 2 + len(body) + 3 & ~3
        self.bytes[6] |= 0x10
        self.bytes[self.last_pointer] = register
        self.last_pointer = register + 1
        self.bytes[register] = id
        self.bytes[register + 2 : register + 2 + len(body)] = body
        self.writable[register + 2 : register + 2 + len(writable)] = writable
        return register

    def read(self, register: int, width: int) -> int:
        return (1 << 8 * width) - 1 if self.gone else self.get(register, width)

    def write(self, register: int, width: int, value: int) -> None:
        if 0x10 <= register < 0x28 and self.bytes[0x0E] & 0x7F < 2 and self.bytes[4] & (IO | MEMORY):
            self.moved_while_decoding.append(register)
        for i in range(0 if self.gone else width):
            byte, mask = value >> 8 * i & 0xFF, self.writable[register + i]
            if register + i == 7:
                self.bytes[7] &= ~byte & 0xFF
            else:
                self.bytes[register + i] = self.bytes[register + i] & ~mask & 0xFF | byte & mask


class Bridge(Function):
    """A PCI-to-PCI bridge with what lies behind it."""

    def __init__(self, behind: dict[tuple[int, int], Function] | None = None, port: int | None = None) -> None:
        super().__init__(0x000C_1B36, 0x060400, layout=1)
        self.behind = behind or {}
        self.writable[0x18:0x1B] = b"\xff\xff\xff"
        if port is not None:
            self.add_capability(0x10, (port << 4 | 2).to_bytes(2, "little") + bytes(32))

    def set_buses(self, primary: int, secondary: int, subordinate: int) -> None:
        self.bytes[0x18:0x1B] = bytes([primary, secondary, subordinate])

    @property
    def secondary(self) -> int:
        return self.bytes[0x19]

    @property
    def subordinate(self) -> int:
        return self.bytes[0x1A]


Bus = dict[tuple[int, int], Function]


class Host:
    """Root buses by number, of one segment."""

    def __init__(self, roots: dict[int, Bus]) -> None:
        self.roots = roots

    def number_buses(self) -> None:
        """As firmware does: depth first."""
        following = 0
        for root, bus in sorted(self.roots.items()):
            following = number_behind(bus, root, max(root, following)) + 1

    def find(self, bus: int, device: int, function: int) -> Function | None:
        """Where a configuration cycle ends."""
        if bus in self.roots:
            return self.roots[bus].get((device, function))
        roots = [each for number, each in sorted(self.roots.items(), reverse=True) if number < bus]
        here = roots[0] if roots else {}
        while True:
            bridges = [each for each in here.values() if isinstance(each, Bridge) and not each.gone]
            leading = [each for each in bridges if 0 < each.secondary <= bus <= each.subordinate]
            if not leading:
                return None
            if leading[0].secondary == bus:
                return leading[0].behind.get((device, function))
            here = leading[0].behind

    def places(self) -> dict[Place, Function]:
        """All that can be found, by the rules for numbered buses."""
        return dict(places_of(self.roots))


def number_behind(bus: Bus, own: int, last: int) -> int:
    """The last number that was given."""
    for each in (bus[at] for at in sorted(bus)):
        if isinstance(each, Bridge):
            secondary = last + 1
            last = number_behind(each.behind, secondary, secondary)
            each.set_buses(own, secondary, last)
    return last


def places_of(buses: dict[int, Bus]) -> Iterator[tuple[Place, Function]]:
    for number, bus in buses.items():
        for (device, function), each in bus.items():
            if (device, 0) in bus and (function == 0 or bus[device, 0].bytes[0x0E] & 0x80):
                yield (number, device, function), each
                if isinstance(each, Bridge):
                    yield from places_of({each.secondary: each.behind})
