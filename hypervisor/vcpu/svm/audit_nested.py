"""Entries of nested page tables with a reserved bit set: APM vol. 2, 5.3.3 (long-mode tables) and 15.25.6."""

from __future__ import annotations

from collections.abc import Callable

from codegen.lang import Span, fn, implements, span, static, u32, u64
from hypervisor.console.log import log
from hypervisor.cpu.features import FEATURES
from hypervisor.vcpu import contract

PRESENT, LARGE = 1 << 0, 1 << 7
ADDRESS = 0x000F_FFFF_FFFF_F000
GIGABYTE_LOW, TWO_MEGABYTE_LOW = 0x3FFF_E000, 0x1F_E000  # bit 12 of a large page is PAT

Holds = Callable[[u64, u32], bool]

RULES: list[tuple[Holds, Span]] = []


def rule(sentence: str) -> Callable[[Holds], Holds]:
    """Add a rule about a present entry at a level (1 is a page table, 4 the root); `sentence` is what must be so."""

    def register(holds: Holds) -> Holds:
        RULES.append((holds, span(sentence.encode())))
        return holds

    return register


@rule("bits above the physical-address width are 0")
@fn
def address_width(entry: u64, level: u32) -> bool:
    return (entry & ADDRESS) >> (FEATURES.physical_bits & 63) == 0


@rule("bits 8:7 of a PML4 entry are 0")
@fn
def root_reserved(entry: u64, level: u32) -> bool:
    return level != 4 or entry & 0x180 == 0


@rule("bit 7 of a page-directory-pointer entry is 0 where the processor has no 1 GiB pages")
@fn
def gigabyte_pages(entry: u64, level: u32) -> bool:
    return level != 3 or entry & LARGE == 0 or FEATURES.large_1g


@rule("bits 29:13 of an entry that maps 1 GiB are 0")
@fn
def gigabyte_aligned(entry: u64, level: u32) -> bool:
    return level != 3 or entry & LARGE == 0 or entry & GIGABYTE_LOW == 0


@rule("bits 20:13 of an entry that maps 2 MiB are 0")
@fn
def two_megabyte_aligned(entry: u64, level: u32) -> bool:
    return level != 2 or entry & LARGE == 0 or entry & TWO_MEGABYTE_LOW == 0


@implements(contract.second_level_audit)
@fn(cold=True)
def second_level_audit(entry: u64, level: u32) -> bool:
    """Log every reserved bit that a present entry has set."""
    sound = True
    for holds, sentence in static(RULES):
        if entry & PRESENT != 0 and not holds(entry, level):
            log(f"    broken: {sentence} (APM vol. 2, 5.3.3)")
            sound = False
    return sound
