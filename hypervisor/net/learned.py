"""The addresses that were seen at one port. Each port has room of its own, so who makes up addresses drives out none
but his own; and a station that has moved is where it was seen last.

The port's sender alone writes; all look, at any time: an entry is two atomics.
"""

from __future__ import annotations

from codegen.lang import Array, Atomic, Struct, count, fn, range, u32, u64

ADDRESSES = 128
WAYS = 4  # an address may stand in one of so many places
SETS = ADDRESSES // WAYS
LIFETIME = 300_000_000_000  # ns (IEEE 802.1Q, table 8-6)
IN_USE = 1 << 60


class Learned(Struct):
    """One address."""

    key: Atomic[u64]  # see `key_of`; 0: none
    seen: Atomic[u64]  # ns


class LearnedTable(Struct):
    """Of one port."""

    entries: Array[Learned] = count(ADDRESSES)


@fn
def key_of(mac: u64, vlan: u32) -> u64:
    """One number for an address in a VLAN (0 to 4095)."""
    return mac | u64(vlan) << 48 | IN_USE


@fn
def first_place(key: u64) -> u32:
    """Of the WAYS where it may stand. Any bit of the address may be the only one that differs."""
    mixed = key.wrapping_mul(0x9E37_79B9_7F4A_7C15)
    return u32.trunc(mixed >> 58) % SETS * WAYS


@fn
def learn(table: LearnedTable, key: u64, now: u64) -> None:
    """It was seen at `now`; instead of the one that was not seen for the longest time, if there is no room."""
    first = first_place(key)
    oldest = table.entries[first]
    for i in range(u32(WAYS)):
        entry = table.entries[first + i]
        if entry.key.load() == key:
            entry.seen.store(now)
            return
        if entry.key.load() == 0:
            if oldest.key.load() != 0:
                oldest = entry
        elif oldest.key.load() != 0 and entry.seen.load() < oldest.seen.load():
            oldest = entry
    oldest.key.store(0)
    oldest.seen.store(now)
    oldest.key.store(key)


@fn
def last_seen(table: LearnedTable, key: u64, now: u64) -> u64 | None:
    """When; None when it was not within LIFETIME."""
    first = first_place(key)
    for i in range(u32(WAYS)):
        entry = table.entries[first + i]
        if entry.key.load() == key:
            seen = entry.seen.load()
            return seen if now.saturating_sub(seen) <= LIFETIME else None
    return None


@fn
def forget_all(table: LearnedTable) -> None:
    """As if nothing had been seen."""
    for i in range(u32(ADDRESSES)):
        table.entries[i].key.store(0)
