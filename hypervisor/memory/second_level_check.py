"""The proof that a guest reaches its own RAM and nothing else: a walk over all of its second-level tables.

Mapping refuses foreign frames one by one; the walk looks at the result, whoever wrote it. It asks only the books of
frames: the monitor's memory, control structures, other guests' RAM and tables, and device registers (local APIC, I/O
APIC, IOMMU), which are no RAM, all have another owner.
"""

from __future__ import annotations

from codegen.lang import Gpa, Hpa, fn, phys, u8, u32, u64
from hypervisor.memory.frames import owned_throughout, owner_of
from hypervisor.memory.second_level import (
    ADDRESS_BITS,
    GPA_LIMIT,
    LARGE,
    LEVEL_4K,
    ROOT_LEVEL,
    SecondLevelTable,
    index_at,
    page_bytes,
)


@fn(cold=True)
def second_level_violation(root: Hpa, ram_owner: u8, tables_owner: u8) -> Gpa | None:
    """The first guest-physical address that leads, or whose tables lie, outside what these two own."""
    address = u64(0)
    while address < GPA_LIMIT:
        table = root
        level = u32(ROOT_LEVEL)
        entry = u64(0)
        while True:
            if owner_of(table) != tables_owner:
                return Gpa(address)
            entry = phys(SecondLevelTable, table).entries[index_at(address, level)]
            if entry == 0 or level == LEVEL_4K or entry & LARGE != 0:
                break
            table = Hpa(entry & ADDRESS_BITS)
            level = level - 1
        size = page_bytes(level)
        if entry != 0 and not owned_throughout(Hpa(entry & ADDRESS_BITS & ~(size - 1)), size, ram_owner):
            return Gpa(address)
        address = address + size
    return None
