"""An AMD-Vi unit in plain Python, by its specification (3.05): it walks the tables in memory and remembers what it
read. In the beginning it remembers what firmware had allowed."""

from __future__ import annotations

from dataclasses import dataclass

from codegen.lang import Hpa, host
from tests.iommu.unit_memory import Broken, UnitMemory, ring_word

FRAME = 0xFFF
FRAMES = 0x000F_FFFF_FFFF_F000
ENABLED, EVENTS, COMMANDS = 1 << 0, 1 << 2, 1 << 12
FIRMWARE = -1  # an entry of firmware's: everything is allowed


@dataclass(frozen=True)
class Kind:
    """What units differ in."""

    invalidates_all: bool = True
    caches_absence: bool = False  # NpCache


class AmdviModel:
    """One unit."""

    def __init__(self, kind: Kind, base: int = 0xFEB8_0000) -> None:
        self.kind = kind
        self.memory = UnitMemory(delayed=False)
        self.control = ENABLED | EVENTS
        self.registers: dict[int, int] = {}
        self.head = self.tail = 0  # of the commands
        self.event_head = self.event_tail = 0
        self.status = 1 << 3
        self.devices: dict[int, tuple[int, int] | int] = dict.fromkeys((0x10, 0x18, 0x300), FIRMWARE)
        self.translations: dict[tuple[int, int], int | None] = {}
        self.tables: dict[tuple[int, int, int], tuple[int, int]] = {}
        self.dead: set[str] = set()
        self.refuses = False
        self.invalidations: list[str] = []
        host.bus.map_mmio(Hpa(base), 0x4000, self)

    # ---- registers ----

    def read(self, offset: int, width: int, /) -> int:
        match offset:
            case 0x18:
                return self.control
            case 0x30:
                return self.kind.invalidates_all << 6
            case 0x2020:
                return self.status
        raise Broken(f"a read of register {offset:#x}")

    def write(self, offset: int, width: int, value: int, /) -> None:
        assert width == 8
        match offset:
            case 0x00 | 0x08 | 0x10:
                if self.control & (ENABLED, COMMANDS, EVENTS)[offset // 8]:
                    raise Broken(f"register {offset:#x} changes while it is in use")
                self.registers[offset] = value
            case 0x18:
                self.change_control(value)
            case 0x20 | 0x28:
                if value:
                    raise Broken("an exclusion range")
            case 0x2000:
                self.head = value
            case 0x2008:
                self.tail = value
                self.run_commands()
            case 0x2010:
                self.event_head = value
            case 0x2018:
                self.event_tail = value
            case 0x2020:
                self.status &= ~(value & 7)
            case _:
                raise Broken(f"a write of register {offset:#x}")

    def change_control(self, value: int) -> None:
        if "control" in self.dead:
            return
        for bit, running in ((EVENTS, 1 << 3), (COMMANDS, 1 << 4)):
            if value & ~self.control & bit:
                ring = self.registers[0x10 if bit == EVENTS else 0x08]
                if ring >> 56 & 15 != 8 or ring & FRAME:
                    raise Broken(f"a ring at {ring:#x}")
                self.status |= running
            elif not value & bit:
                self.status &= ~running
        if value & ENABLED and self.registers[0] & 0x1FF != 511:
            raise Broken("a device table that is too short")
        self.control = value

    # ---- commands ----

    def run_commands(self) -> None:
        while self.status & 1 << 4 and self.head != self.tail and "commands" not in self.dead:
            place = (self.registers[0x08] & FRAMES) + self.head
            if self.refuses:
                self.status &= ~(1 << 4)
                return
            self.carry_out(ring_word(place), ring_word(place + 8))
            self.head = (self.head + 16) % 4096

    def carry_out(self, low: int, high: int) -> None:
        match low >> 60:
            case 1:
                if low & 1:
                    host.memory.write(Hpa(low & 0x000F_FFFF_FFFF_FFF8), high.to_bytes(8, "little"))
            case 2:
                self.invalidations.append(f"device {low & 0xFFFF:#x}")
                self.devices.pop(low & 0xFFFF, None)
            case 3:
                domain = low >> 32 & 0xFFFF
                if high & ~FRAME != 0x7FFF_FFFF_FFFF_F000 or high & FRAME != 3:
                    raise Broken(f"pages {high:#x}: neither one nor the whole domain with its tables")
                self.invalidations.append(f"domain {domain}")
                self.translations = {key: to for key, to in self.translations.items() if key[0] != domain}
                self.tables = {key: to for key, to in self.tables.items() if key[0] != domain}
            case 8 if self.kind.invalidates_all:
                self.invalidations.append("all")
                self.devices.clear()
                self.translations.clear()
                self.tables.clear()
            case other:
                raise Broken(f"command {other}")

    # ---- requests ----

    def reaches(self, source: int, address: int, write: bool) -> bool:
        """One access of a device; a refusal is logged."""
        if not self.control & ENABLED:
            return True
        wanted = 2 if write else 1
        if source not in self.devices:
            self.devices[source] = self.device(source)
        device = self.devices[source]
        if isinstance(device, int):
            return True
        domain, low = device
        rights = low >> 61 & 3
        leaf = self.leaf(domain, low, address)
        if leaf is None or not rights & leaf >> 61 & wanted:
            present = leaf is not None
            self.event(source | domain << 32 | present << 52 | write << 53 | 2 << 60, address)
            return False
        if leaf & FRAMES != address & ~FRAME:
            raise Broken(f"{address:#x} leads to {leaf:#x}")
        return True

    def device(self, source: int) -> tuple[int, int] | int:
        place = (self.registers[0] & FRAMES) + source * 32
        low, high = self.memory.word(place), self.memory.word(place + 8)
        if not low & 1 or not low & 2:
            return FIRMWARE  # it passes untranslated
        if low & 0x1FC or low >> 63 or not 1 <= low >> 9 & 7 <= 6:
            raise Broken(f"device entry {low:#x}")
        return high & 0xFFFF, low

    def leaf(self, domain: int, low: int, address: int) -> int | None:
        key = domain, address >> 12
        if key in self.translations:
            return self.translations[key]
        leaf = self.walk(domain, low, address)
        if leaf is not None or self.kind.caches_absence:
            self.translations[key] = leaf
        return leaf

    def walk(self, domain: int, low: int, address: int) -> int | None:
        """The leaf with the rights of the whole way but the device's."""
        table, level, rights = low & FRAMES, low >> 9 & 7, 3
        if address >> (12 + 9 * level):
            return None
        while True:
            key = domain, level, address >> (12 + 9 * (level - 1))
            if key in self.tables:
                table, rights = self.tables[key]
                level -= 1
                continue
            entry = self.memory.word(table + (address >> (12 + 9 * (level - 1)) & 0x1FF) * 8)
            if not entry & 1:
                return None
            rights &= entry >> 61 & 3
            following = entry >> 9 & 7
            if following == 0:
                if level != 1:
                    raise Broken(f"a page of level {level}")
                return entry & FRAMES | rights << 61
            if following != level - 1 or entry & 0x1FE:
                raise Broken(f"page entry {entry:#x} at level {level}")
            table, level = entry & FRAMES, following
            self.tables[key] = table, rights

    def event(self, low: int, high: int) -> None:
        if not self.status & 1 << 3:
            return
        following = (self.event_tail + 16) % 4096
        if following == self.event_head:
            self.status = self.status & ~(1 << 3) | 1
            return
        place = (self.registers[0x10] & FRAMES) + self.event_tail
        host.memory.write(Hpa(place), low.to_bytes(8, "little") + high.to_bytes(8, "little"))
        self.event_tail = following
