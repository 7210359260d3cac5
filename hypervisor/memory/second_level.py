"""A guest's second-level tables (EPT or nested paging): map, unmap, translate; the vendor only makes the entries.

Both vendors have four levels of 512 entries, bit 7 for a large page, the address in bits 51:12, and an entry of zero is
never present. Before RAM that was unmapped, or its tables, get another owner, the caller has all processors forget what
they have cached (`shootdown` in hypervisor/vm/shootdown.py). Whoever changes tables that vCPUs may run on holds their
VM's `second_level_lock`.
"""

from __future__ import annotations

from codegen.lang import Array, Gpa, Hpa, HwEnum, Struct, at, fn, phys, range, u8, u32, u64
from hypervisor.cpu.mitigations import MITIGATIONS
from hypervisor.memory.frames import allocate_frame, owned_throughout
from hypervisor.memory.regions import FRAME
from hypervisor.vcpu.contract import (
    AccessRights,
    second_level_invalidate,
    second_level_largest_leaf,
    second_level_leaf,
    second_level_table,
)

ENTRIES = 512
ROOT_LEVEL = 4
LEVEL_4K = 1
LARGE = 1 << 7
ADDRESS_BITS = 0x000F_FFFF_FFFF_F000
GPA_LIMIT = 1 << 48


class SecondLevelTable(Struct, size=4096, align=4096, shared=True):
    """One table of any level. Other processors walk it while it changes: a table is complete before an entry leads to
    it."""

    entries: Array[u64] = at(0, count=ENTRIES)


class MapError(HwEnum, repr=u32, must_use=True):
    """Why a mapping was refused; what was mapped before the fault stays."""

    NO_FRAME = 1  # for a table
    MISALIGNED = 2  # not whole frames, or beyond 48 bits
    FOREIGN = 3  # RAM of another owner


@fn
def second_level_create(tables_owner: u8) -> Hpa | None:
    """Empty tables: the root frame."""
    return allocate_frame(tables_owner)


@fn
def second_level_map(
    root: Hpa, gpa: Gpa, hpa: Hpa, size: u64, rights: AccessRights, ram_owner: u8, tables_owner: u8
) -> u64 | MapError:
    """Map `size` bytes of `ram_owner`'s RAM with the largest leaves that fit; gives the number of new tables."""
    end = u64(gpa).checked_add(size)
    if end is None or end > GPA_LIMIT or (u64(gpa) | u64(hpa) | size) & (FRAME - 1) != 0:
        return MapError.MISALIGNED
    tables = u64(0)
    done = u64(0)
    while done < size:
        level = leaf_level(u64(gpa) + done, u64(hpa) + done, size - done)
        if not owned_throughout(hpa + done, page_bytes(level), ram_owner):
            return MapError.FOREIGN
        made, table = table_for(root, u64(gpa) + done, level, tables_owner)
        tables += made
        if table is None:
            return MapError.NO_FRAME
        leaf = second_level_leaf(hpa + done, leaf_rights(rights, level), level)
        table.entries[index_at(u64(gpa) + done, level)] = leaf
        done += page_bytes(level)
    return tables


@fn
def second_level_unmap(root: Hpa, gpa: Gpa, size: u64, tables_owner: u8) -> MapError | None:
    """Take `size` bytes away; a leaf that is larger is split. What was not mapped stays so."""
    end = u64(gpa).checked_add(size)
    if end is None or end > GPA_LIMIT or (u64(gpa) | size) & (FRAME - 1) != 0:
        return MapError.MISALIGNED
    address = u64(gpa)
    while address < end:
        level, entry = entry_at(root, address)
        step = page_bytes(level)
        inside = address & (step - 1)
        if entry != 0 and (inside != 0 or end - address < step):
            _, table = table_for(root, address, level - 1, tables_owner)
            if table is None:
                return MapError.NO_FRAME
        else:
            if entry != 0:
                _, table = table_for(root, address, level, tables_owner)
                if table is None:
                    return MapError.NO_FRAME
                table.entries[index_at(address, level)] = 0
            address += step - inside
    return None


@fn(cold=True)
def second_level_close(root: Hpa) -> None:
    """Take everything away; the tables below the root are left to their owner's end."""
    table = phys(SecondLevelTable, root)
    for i in range(ENTRIES):
        table.entries[i] = 0


@fn
def leaf_rights(rights: AccessRights, level: u32) -> AccessRights:
    """A page that a guest executes is small where it could otherwise change the size under the processor's feet."""
    if MITIGATIONS.small_code_pages and level > LEVEL_4K and rights == AccessRights.READ_WRITE_EXECUTE:
        return AccessRights.READ_WRITE
    return rights


@fn(cold=True)
def second_level_allow_fetch(root: Hpa, gpa: Gpa, tables_owner: u8) -> bool:
    """A fetch was refused: make its 2 MiB executable 4 KiB pages if `leaf_rights` took the right away. False: it did
    not, or no frame is left for the table.

    Rights grow, so other processors need not forget: there the fetch is refused once more, and finds the pages made.
    """
    level, entry = entry_at(root, u64(gpa))
    if not MITIGATIONS.small_code_pages or entry == 0:
        return False
    if level == LEVEL_4K:
        if entry != second_level_leaf(Hpa(entry & ADDRESS_BITS), AccessRights.READ_WRITE_EXECUTE, level):
            return False
        second_level_invalidate(root)  # another vCPU has been here first: this processor need only forget
        return True
    _, table = table_for(root, u64(gpa), u32(LEVEL_4K), tables_owner)
    if table is None:
        return False
    for i in range(u64(ENTRIES)):
        page = Hpa(table.entries[i] & ADDRESS_BITS)
        table.entries[i] = second_level_leaf(page, AccessRights.READ_WRITE_EXECUTE, u32(LEVEL_4K))
    second_level_invalidate(root)
    return True


@fn
def second_level_translate(root: Hpa, gpa: Gpa) -> Hpa | None:
    """Where a guest-physical address leads."""
    if u64(gpa) >= GPA_LIMIT:
        return None
    level, entry = entry_at(root, u64(gpa))
    if entry == 0:
        return None
    inside = u64(gpa) & (page_bytes(level) - 1)
    base = (entry & ADDRESS_BITS) >> (level * 9 + 3) << (level * 9 + 3)  # low address bits of a large leaf are flags
    return Hpa(base + inside)


@fn
def index_at(address: u64, level: u32) -> u64:
    """The entry of `address` in its table of `level` (1 to 4)."""
    return (address >> (level * 9 + 3)) & (ENTRIES - 1)


@fn
def page_bytes(level: u32) -> u64:
    """What one entry of `level` maps."""
    return u64(1) << (level * 9 + 3)


@fn
def leaf_level(gpa: u64, hpa: u64, size: u64) -> u32:
    """The level of the largest leaf that begins here and fits."""
    level = second_level_largest_leaf()
    while level > LEVEL_4K:
        step = page_bytes(level)
        if (gpa | hpa) & (step - 1) == 0 and size >= step:
            return level
        level -= 1
    return level


@fn
def entry_at(root: Hpa, address: u64) -> tuple[u32, u64]:
    """The leaf that maps this address, and its level; (level, 0) where the walk ends."""
    table = phys(SecondLevelTable, root)
    level = u32(ROOT_LEVEL)
    while True:
        entry = table.entries[index_at(address, level)]
        if entry == 0 or level == LEVEL_4K or (entry & LARGE != 0 and level < ROOT_LEVEL):
            return level, entry
        table = phys(SecondLevelTable, Hpa(entry & ADDRESS_BITS))
        level -= 1


@fn
def table_for(root: Hpa, address: u64, level: u32, tables_owner: u8) -> tuple[u64, SecondLevelTable | None]:
    """The number of tables made on the way, and the table of `level` that maps this address; None: no frame is left."""
    made = u64(0)
    table = phys(SecondLevelTable, root)
    at_level = u32(ROOT_LEVEL)
    while at_level > level:
        index = index_at(address, at_level)
        entry = table.entries[index]
        if entry == 0 or (entry & LARGE != 0 and at_level < ROOT_LEVEL):
            frame = allocate_frame(tables_owner)
            if frame is None:
                return made, None
            made += 1
            if entry != 0:
                split_leaf(entry, at_level, phys(SecondLevelTable, frame))
            entry = second_level_table(frame)
            table.entries[index] = entry
        table = phys(SecondLevelTable, Hpa(entry & ADDRESS_BITS))
        at_level -= 1
    return made, table


@fn
def split_leaf(leaf: u64, level: u32, into: SecondLevelTable) -> None:
    """Write a large leaf of `level` as 512 of the level below, with the same rights."""
    step = page_bytes(level - 1)
    below = leaf if level - 1 > LEVEL_4K else leaf & ~LARGE
    for i in range(u64(ENTRIES)):
        into.entries[i] = below + i * step
