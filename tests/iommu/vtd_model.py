"""A VT-d unit in plain Python, by its specification (4.1): it walks the tables in memory and remembers what it read."""

from __future__ import annotations

from dataclasses import dataclass

from codegen.lang import Hpa, host
from tests.iommu.unit_memory import BYTES, Broken, UnitMemory, ring_word

GCMD, GSTS, RTADDR, CCMD, FSTS, FECTL, PMEN = 0x18, 0x1C, 0x20, 0x28, 0x34, 0x38, 0x64
IQH, IQT, IQA = 0x80, 0x88, 0x90
TE, SRTP, WBF, QIE, IRE = 1 << 31, 1 << 30, 1 << 27, 1 << 26, 1 << 25
ONCE = SRTP | WBF
FAULTS, COMMANDS = 0x400, 0x1080  # of the fault records; of IVA and IOTLB
RECORDS = 4
NOT_PRESENT_ROOT, NOT_PRESENT_CONTEXT, NO_WRITE, NO_READ = 1, 2, 5, 6
FRAME = 0xFFF


@dataclass(frozen=True)
class Kind:
    """What is said in the capability registers."""

    queue: bool = True
    caching: bool = False
    flush_writes: bool = False  # RWBF
    coherent: bool = True
    levels: int = 4
    drains: bool = True
    protected: bool = False


class VtdModel:
    """One unit. `dead`: parts that do not answer; `refuses`: it reports an error of the next command."""

    def __init__(self, kind: Kind, base: int = 0xFED9_0000) -> None:
        self.kind = kind
        self.memory = UnitMemory(delayed=not kind.coherent or kind.flush_writes)
        self.status = IRE  # firmware had interrupts remapped
        self.root_register = self.root = 0
        self.queue = self.head = self.tail = 0
        self.fault_status = self.fault_control = 0
        self.records: list[list[int]] = [[0, 0] for _ in range(RECORDS)]
        self.next_record = 0
        self.protected = 1 << 31 | 1 if kind.protected else 0
        self.context_command = self.iotlb_command = 0
        self.contexts: dict[int, tuple[int, int, int] | int] = {}
        self.translations: dict[tuple[int, int], int | None] = {}
        self.tables: dict[tuple[int, int, int], int] = {}
        self.unforgotten = {"contexts", "translations"}  # since the root was set
        self.dead: set[str] = set()
        self.refuses = False
        self.invalidations: list[str] = []
        host.bus.map_mmio(Hpa(base), 0x2000, self)

    # ---- registers ----

    def read(self, offset: int, width: int, /) -> int:
        kind = self.kind
        if FAULTS <= offset < FAULTS + RECORDS * 16:
            return self.records[(offset - FAULTS) // 16][offset % 16 // 8]
        match offset:
            case 0x00:
                return 0x10
            case 0x08:
                value = 2 | kind.flush_writes << 4 | kind.protected << 5 | kind.caching << 7  # 256 domains
                value |= 1 << (8 + kind.levels - 2) | FAULTS // 16 << 24 | (RECORDS - 1) << 40
                return value | kind.drains << 54 | kind.drains << 55
            case 0x10:
                return kind.coherent | kind.queue << 1 | (COMMANDS // 16) << 8
            case 0x1C:
                return self.status
            case 0x28:
                return self.context_command
            case 0x34:
                pending = any(high >> 63 for _, high in self.records)
                return self.fault_status | pending << 1
            case 0x64:
                return self.protected
            case 0x1088:
                return self.iotlb_command
        raise Broken(f"a read of register {offset:#x}")

    def write(self, offset: int, width: int, value: int, /) -> None:
        if FAULTS <= offset < FAULTS + RECORDS * 16:
            if offset % 16 == 8 and value >> 63:
                self.records[(offset - FAULTS) // 16][1] &= ~(1 << 63)
            return
        match offset:
            case 0x18:
                self.command(value)
            case 0x20:
                self.root_register = value
            case 0x28:
                self.context_command = value
                self.by_register("contexts")
            case 0x34:
                self.fault_status &= ~(value & 0x71)
            case 0x38:
                self.fault_control = value
            case 0x64:
                if "protected" not in self.dead:
                    self.protected = value >> 31 | value
            case 0x88:
                self.tail = value
                self.run_queue()
            case 0x90:
                if self.status & QIE:
                    raise Broken("the queue moves while it runs")
                self.queue, self.head = value & ~FRAME, 0
            case 0x1088:
                self.iotlb_command = value
                self.by_register("translations")
            case _:
                raise Broken(f"a write of register {offset:#x}")

    def command(self, value: int) -> None:
        """11.4.4.1: one bit at a time."""
        changed = (value ^ self.status) & ~ONCE | value & ONCE
        if changed.bit_count() > 1:
            raise Broken(f"more than one bit of the global command: {value:#x} on {self.status:#x}")
        if "commands" in self.dead:
            return
        if value & SRTP:
            self.root = self.root_register
            self.unforgotten = {"contexts", "translations"}
            self.status |= SRTP
        if value & WBF:
            if not self.kind.flush_writes:
                raise Broken("there is no write buffer")
            self.memory.take(0, BYTES)
            self.status |= WBF if "write buffer" in self.dead else 0
        if value & TE and not self.status & TE and (not self.status & SRTP or self.unforgotten):
            raise Broken(f"translation before a root that is known: {self.unforgotten}")
        if value & QIE and not self.kind.queue:
            raise Broken("there is no queue")
        self.status = self.status & (SRTP | WBF) | value & ~ONCE

    # ---- invalidation ----

    def by_register(self, what: str) -> None:
        if self.status & QIE:
            raise Broken("both ways of invalidation at once")
        value = self.context_command if what == "contexts" else self.iotlb_command
        if not value >> 63 or "registers" in self.dead:
            return
        wanted = value >> 61 & 3 if what == "contexts" else value >> 60 & 3
        if what == "contexts":
            self.context_command = value & ~(1 << 63) & ~(3 << 59)
        else:
            self.iotlb_command = value & ~(1 << 63) & ~(3 << 57)
        if self.refuses:
            return
        if what == "contexts":
            self.forget_contexts(wanted)
            self.context_command |= wanted << 59
        else:
            self.forget_translations(wanted, value >> 32 & 0xFFFF, value >> 48 & 3)
            self.iotlb_command |= wanted << 57

    def run_queue(self) -> None:
        if "queue" in self.dead or not self.status & QIE:
            return
        while self.head != self.tail and not self.fault_status & 0x10:
            low, high = ring_word(self.queue + self.head), ring_word(self.queue + self.head + 8)
            if self.refuses or low & 0xF not in (1, 2, 5):
                self.fault_status |= 0x10
                return
            if low & 0xF == 1:
                self.forget_contexts(low >> 4 & 3)
            elif low & 0xF == 2:
                self.forget_translations(low >> 4 & 3, low >> 16 & 0xFFFF, low >> 6 & 3)
            elif low & 1 << 5:
                host.memory.write(Hpa(high), (low >> 32).to_bytes(4, "little"))
            self.head = (self.head + 16) % 4096

    def forget_contexts(self, granularity: int) -> None:
        if granularity != 1:
            raise Broken(f"contexts of granularity {granularity}")
        self.invalidations.append("contexts")
        self.contexts.clear()
        self.unforgotten.discard("contexts")

    def forget_translations(self, granularity: int, domain: int, drains: int) -> None:
        if drains != (3 if self.kind.drains else 0):
            raise Broken("what is on its way is not waited for")
        self.invalidations.append("translations" if granularity == 1 else f"domain {domain}")
        if granularity == 1:
            self.translations.clear()
            self.tables.clear()
            if "contexts" not in self.unforgotten:
                self.unforgotten.discard("translations")
        elif granularity == 2:
            self.translations = {key: to for key, to in self.translations.items() if key[0] != domain}
            self.tables = {key: to for key, to in self.tables.items() if key[0] != domain}
        else:
            raise Broken(f"translations of granularity {granularity}")

    # ---- requests ----

    def reaches(self, source: int, address: int, write: bool) -> bool:
        """One access of a device; a refusal is recorded."""
        if self.protected & 1:
            return False
        if not self.status & TE:
            return True
        reason = self.refusal(source, address, write)
        if reason:
            self.record(source, address, write, reason)
        return reason == 0

    def refusal(self, source: int, address: int, write: bool) -> int:
        context = self.context(source)
        if isinstance(context, int):
            return context
        domain, root, levels = context
        if address >> (12 + 9 * levels):
            return 4
        key = domain, address >> 12
        if key in self.translations:
            entry = self.translations[key]
        else:
            entry = self.walk(domain, root, levels, address)
            if entry is not None or self.kind.caching:
                self.translations[key] = entry
        missing = NO_WRITE if write else NO_READ
        if entry is None or not entry & (2 if write else 1):
            return missing
        if entry & ~FRAME != address & ~FRAME:
            raise Broken(f"{address:#x} leads to {entry:#x}")
        return 0

    def context(self, source: int) -> tuple[int, int, int] | int:
        if source not in self.contexts:
            found = self.read_context(source)
            if not isinstance(found, int) or self.kind.caching:
                self.contexts[source] = found
            return found
        return self.contexts[source]

    def read_context(self, source: int) -> tuple[int, int, int] | int:
        place = self.root + (source >> 8) * 16
        low, high = self.memory.word(place), self.memory.word(place + 8)
        if not low & 1:
            return NOT_PRESENT_ROOT
        if low & 0xFFE or high:
            raise Broken(f"root entry {high:#x} {low:#x}")
        place = (low & ~FRAME) + (source & 0xFF) * 16
        low, high = self.memory.word(place), self.memory.word(place + 8)
        if not low & 1:
            return NOT_PRESENT_CONTEXT
        domain = high >> 8 & 0xFFFF
        if low & 0xFFE or high >> 24 or high & 0x80 or (high & 7) + 2 != self.kind.levels or not 0 < domain < 256:
            raise Broken(f"context entry {high:#x} {low:#x}")
        return domain, low & ~FRAME, self.kind.levels

    def walk(self, domain: int, root: int, levels: int, address: int) -> int | None:
        """The leaf; tables on the way are remembered."""
        table = root
        for level in range(levels, 0, -1):
            key = domain, level, address >> (12 + 9 * (level - 1))
            if level > 1 and key in self.tables:
                table = self.tables[key]
                continue
            entry = self.memory.word(table + (address >> (12 + 9 * (level - 1)) & 0x1FF) * 8)
            if not entry & 3:
                return None
            if entry & 0xF80 or entry >> 52:
                raise Broken(f"page entry {entry:#x}")
            if level == 1:
                return entry
            table = self.tables[key] = entry & ~FRAME
        raise Broken("no levels")

    def record(self, source: int, address: int, write: bool, reason: int) -> None:
        if self.fault_status & 1:
            return
        place = self.records[self.next_record]
        if place[1] >> 63:
            self.fault_status |= 1
            return
        place[:] = [address & ~FRAME, source | reason << 32 | (not write) << 62 | 1 << 63]
        self.next_record = (self.next_record + 1) % RECORDS
