"""The walk of the guest's page tables against a walker written from the manual's figures."""

from __future__ import annotations

import random

import pytest

from codegen.lang import u64
from hypervisor.memory.fault import Fault
from hypervisor.vcpu.linear import Access, mark_used, translate_linear
from hypervisor.vcpu.svm.state import save_of
from tests.played_guest.machine import RAM, everywhere, get, new_machine, put

NX = 1 << 63
MODES = ("off", "legacy", "pae", "long")


class Tables:
    """Random page tables in guest RAM, and what the manual says of them."""

    def __init__(self, source: random.Random, mode: str) -> None:
        self.mode, self.memory, self.source = mode, {}, source
        self.wp, self.nxe, self.smep, self.pse, self.smap, self.ac = (source.random() < 0.5 for _ in range(6))
        self.width = 4 if mode == "legacy" else 8
        self.levels = {"off": (), "legacy": (22, 12), "pae": (30, 21, 12), "long": (39, 30, 21, 12)}[mode]

    def entry(self, table: int, index: int, level: int) -> int:
        """The entry, made up when first asked for."""
        place = table + index * self.width
        if place not in self.memory:
            source = self.source
            value = 0x1000 * source.randrange(1, 0x200)
            value |= source.choice((7, 7, 7, 5, 3, 1, 6))
            if level and source.random() < 0.3 and not (self.mode == "pae" and level == 2):
                value |= 0x80
                if source.random() < 0.5:
                    value |= source.getrandbits(32) & 0xFFFF_F000
            if self.width == 8:
                value |= source.choice((0, 0, NX)) | source.choice(
                    (0, source.getrandbits(20) << 32 if value & 0x80 else 0)
                )
            value &= ~(NX if self.mode == "pae" and level == 2 else 0)
            self.memory[place] = value
            put(place, value.to_bytes(self.width, "little"))
        return self.memory[place]

    def translate(self, address: int, access: Access):
        """SDM vol. 3A, 4.3 to 4.6: an address, "fault" or "not canonical"."""
        if self.mode == "off":
            return address & 0xFFFF_FFFF
        if self.mode == "long":
            if address >> 47 not in (0, 0x1_FFFF):
                return "not canonical"
        else:
            address &= 0xFFFF_FFFF
        table, writable, user, executable = 0x1000, True, True, True
        for level, shift in reversed(list(enumerate(reversed(self.levels)))):
            bits = {"legacy": 10}.get(self.mode, 9) if not (self.mode == "pae" and level == 2) else 2
            entry = self.entry(table, address >> shift & (1 << bits) - 1, level)
            if not entry & 1:
                return "fault"
            if not (self.mode == "pae" and level == 2):
                writable &= bool(entry & 2)
                user &= bool(entry & 4)
                executable &= not entry & NX
            large = entry & 0x80 and ((level in (1, 2) and self.mode == "long") or (level == 1 and self.mode == "pae"))
            large = large or (self.mode == "legacy" and level == 1 and entry & 0x80 and self.pse)
            if level == 0 or large:
                if not self.allowed(access, writable, user, executable):
                    return "fault"
                low = (1 << shift) - 1
                frame = entry & 0xF_FFFF_FFFF_F000 & ~low
                if self.mode == "legacy":
                    frame = entry & 0xFFFF_F000 & ~low
                    if large:
                        frame |= (entry >> 13 & 0xFF) << 32
                return frame | address & low
            table = entry & 0xF_FFFF_FFFF_F000
            if table >= RAM:
                return "fault"
        raise AssertionError("a level 0 entry ends every walk")

    def allowed(self, access: Access, writable: bool, user: bool, executable: bool) -> bool:
        if access.user and not user:
            return False
        if access.write and not writable and (access.user or self.wp):
            return False
        if access.fetch:
            if self.nxe and not executable:
                return False
            if not access.user and user and self.smep:
                return False
        # 4.6.1: a supervisor's explicit data access to a user page needs SMAP off or RFLAGS.AC on.
        return access.fetch or access.user or not user or not self.smap or self.ac


def guest_with(mode, tables):
    vcpu = new_machine()
    save = save_of(vcpu)
    save.cr3 = 0x1000
    save.cr0 = 0x11 | tables.wp << 16 | (0x8000_0000 if mode != "off" else 0)
    save.rflags = 2 | tables.ac << 18
    save.cr4 = tables.smep << 20 | tables.smap << 21 | tables.pse << 4 | (0x20 if mode in ("pae", "long") else 0)
    save.efer = 0x1000 | tables.nxe << 11 | (0x500 if mode == "long" else 0)
    return vcpu


@everywhere
@pytest.mark.parametrize("mode", MODES)
def test_the_walk_is_the_processors(run, mode):
    outcomes = set()
    for seed in range(25):
        source = random.Random(seed)
        tables = Tables(source, mode)
        vcpu = guest_with(mode, tables)
        for _ in range(20):
            address = source.getrandbits(64) if source.random() < 0.1 else source.getrandbits(47)
            address |= 0xFFFF_8000_0000_0000 if source.random() < 0.2 else 0
            access = Access(write=source.random() < 0.4, fetch=source.random() < 0.3, user=source.random() < 0.4)
            expected = tables.translate(address, access)
            found = run(translate_linear, vcpu, u64(address), access)
            if isinstance(expected, int):
                assert not isinstance(found, Fault) and int(found) == expected, (mode, hex(address))
            else:
                assert isinstance(found, Fault), (mode, hex(address), expected)
                assert (found == Fault.NOT_CANONICAL) == (expected == "not canonical")
            outcomes.add(type(expected))
    assert len(outcomes) == (1 if mode == "off" else 2)


def test_tables_outside_ram_are_a_fault():
    vcpu = new_machine()
    save = save_of(vcpu)
    for efer, cr4 in ((0x1500, 0x20), (0x1000, 0x20), (0x1000, 0)):
        save.cr0, save.cr3, save.cr4, save.efer = 0x8000_0011, 0xFEE0_0000, cr4, efer
        assert isinstance(translate_linear(vcpu, u64(0x1234), Access()), Fault)


ACCESSED, DIRTY = 1 << 5, 1 << 6
TABLES_OF = {  # place, bytes and value of each entry on the way to 30_0123h, the leaf last
    "legacy": [(0x1000, 4, 0x2007), (0x2000 + 0x300 * 4, 4, 0x5007)],
    "legacy, large": [(0x1000, 4, 0x87)],
    "pae": [(0x2000 + 1 * 8, 8, 0x87)],
    "long": [(0x1000, 8, 0x2007), (0x2000, 8, 0x3007), (0x3000 + 1 * 8, 8, 0x4007), (0x4000 + 0x100 * 8, 8, 0x5007)],
    "long, large": [(0x1000, 8, 0x2007), (0x2000, 8, 0x3007), (0x3000 + 1 * 8, 8, 0x87)],
}


@everywhere
@pytest.mark.parametrize("write", [False, True])
@pytest.mark.parametrize("mode", TABLES_OF)
def test_an_access_leaves_the_marks_that_the_processor_leaves(run, mode, write):
    vcpu = new_machine()
    save = save_of(vcpu)
    save.cr0, save.cr3, save.cr4 = 0x8000_0011, 0x1000, 0x10 if "legacy" in mode else 0x20
    save.efer = 0x1500 if "long" in mode else 0x1000
    if mode == "pae":
        put(0x1000, (0x2001).to_bytes(8, "little"))
    entries = TABLES_OF[mode]
    for place, width, value in entries:
        put(place, value.to_bytes(width, "little"))
    run(mark_used, vcpu, u64(0x30_0123), write)
    for place, width, value in entries:
        dirty = DIRTY if write and (place, width, value) == entries[-1] else 0
        assert get(place, width) == (value | ACCESSED | dirty).to_bytes(width, "little")
    if mode == "pae":
        assert get(0x1000, 8) == (0x2001).to_bytes(8, "little")


@everywhere
def test_nothing_is_marked_where_nothing_is_mapped(run):
    vcpu = new_machine()
    save = save_of(vcpu)
    save.cr0, save.cr3, save.cr4, save.efer = 0x8000_0011, 0x1000, 0x20, 0x1500
    put(0x1000, (0x2006).to_bytes(8, "little"))
    run(mark_used, vcpu, u64(0x30_0123), True)
    assert get(0x1000, 8) == (0x2006).to_bytes(8, "little")
