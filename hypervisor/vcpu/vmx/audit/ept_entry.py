"""Entries of EPT paging structures that the processor refuses: SDM vol. 3C, 29.3.3.1."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from codegen.lang import Span, fn, implements, rdmsr, span, static, u32, u64
from hypervisor.console.log import log
from hypervisor.vcpu import contract
from hypervisor.vcpu.vmx import msr_index
from hypervisor.vcpu.vmx.capability import EptVpidCapability
from hypervisor.vcpu.vmx.state import FEATURES

READ, WRITE, RIGHTS = 1 << 0, 1 << 1, 7
LARGE = 1 << 7
ADDRESS = 0x000F_FFFF_FFFF_F000
GIGABYTE_LOW, TWO_MEGABYTE_LOW = 0x3FFF_F000, 0x1F_F000  # address bits that a large page cannot have
RESERVED_TYPES = 1 << 2 | 1 << 3 | 1 << 7  # memory types that do not exist, by bit

Holds = Callable[[u64, u32], bool]


@dataclass(frozen=True)
class EntryRule:
    """`holds` judges a present entry at a level: 1 is a page table, 4 the root."""

    sentence: Span
    holds: Holds


RULES: list[EntryRule] = []


def rule(sentence: str) -> Callable[[Holds], Holds]:
    """Add a rule; `sentence` is what must be so."""

    def register(holds: Holds) -> Holds:
        RULES.append(EntryRule(span(sentence.encode()), holds))
        return holds

    return register


@fn
def is_leaf(entry: u64, level: u32) -> bool:
    """Whether the entry maps a page."""
    return level == 1 or (level < 4 and entry & LARGE != 0)


@rule("bit 1 (write access) is set only with bit 0 (read access)")
@fn
def write_needs_read(entry: u64, level: u32) -> bool:
    return entry & (READ | WRITE) != WRITE


@rule("bit 2 (execute access) stands alone only where the processor has execute-only translations")
@fn
def execute_only(entry: u64, level: u32) -> bool:
    return entry & RIGHTS != 4 or EptVpidCapability.of(rdmsr(u32(msr_index.IA32_VMX_EPT_VPID_CAP))).execute_only


@rule("bits above the physical-address width are 0")
@fn
def address_width(entry: u64, level: u32) -> bool:
    return entry & ADDRESS & FEATURES.reserved_address == 0


@rule("bits 7:3 of a PML4 entry are 0")
@fn
def root_reserved(entry: u64, level: u32) -> bool:
    return level != 4 or entry & 0xF8 == 0


@rule("bits 6:3 of an entry that refers to a table are 0")
@fn
def table_reserved(entry: u64, level: u32) -> bool:
    return level == 4 or is_leaf(entry, level) or entry & 0x78 == 0


@rule("bits 29:12 of an entry that maps 1 GiB are 0")
@fn
def gigabyte_aligned(entry: u64, level: u32) -> bool:
    return level != 3 or entry & LARGE == 0 or entry & GIGABYTE_LOW == 0


@rule("bits 20:12 of an entry that maps 2 MiB are 0")
@fn
def two_megabyte_aligned(entry: u64, level: u32) -> bool:
    return level != 2 or entry & LARGE == 0 or entry & TWO_MEGABYTE_LOW == 0


@rule("the memory type (bits 5:3) of an entry that maps a page is 0, 1, 4, 5 or 6")
@fn
def memory_type(entry: u64, level: u32) -> bool:
    return not is_leaf(entry, level) or (u64(RESERVED_TYPES) >> (entry >> 3 & 7)) & 1 == 0


@implements(contract.second_level_audit)
@fn(cold=True)
def second_level_audit(entry: u64, level: u32) -> bool:
    """Log every rule of 29.3.3.1 that a present entry breaks."""
    sound = True
    for one in static(RULES):
        if entry & RIGHTS != 0 and not one.holds(entry, level):
            log(f"    broken: {one.sentence} (SDM vol. 3C, 29.3.3.1)")
            sound = False
    return sound
