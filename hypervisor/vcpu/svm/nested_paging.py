"""Nested page tables: ordinary long-mode entries, every access a user access (APM vol. 2, 15.25.5)."""

from __future__ import annotations

from codegen.lang import BitStruct, Hpa, bit, bits, fn, implements, u32, u64
from hypervisor.cpu.features import FEATURES
from hypervisor.vcpu import contract
from hypervisor.vcpu.contract import AccessRights


class NestedEntry(BitStruct, repr=u64):
    """An entry of any level. PAT, PCD and PWT are 0: write-back."""

    present: bool = bit(0)
    writable: bool = bit(1)
    user: bool = bit(2)
    accessed: bool = bit(5)
    dirty: bool = bit(6)
    large: bool = bit(7)
    frame: u64 = bits(12, 51)
    no_execute: bool = bit(63)


@implements(contract.second_level_leaf)
@fn
def second_level_leaf(address: Hpa, rights: AccessRights, level: u32) -> u64:
    """A leaf: write-back RAM; level 1 is 4 KiB, 2 is 2 MiB, 3 is 1 GiB."""
    return u64(
        NestedEntry(
            present=True,
            user=True,
            writable=rights != AccessRights.READ,
            accessed=True,
            dirty=True,
            large=level > 1,
            frame=u64(address) >> 12,
            no_execute=rights != AccessRights.READ_WRITE_EXECUTE,
        )
    )


@implements(contract.second_level_table)
@fn
def second_level_table(address: Hpa) -> u64:
    """An entry that points to the next table; the leaf alone restricts."""
    return u64(NestedEntry(present=True, user=True, writable=True, accessed=True, frame=u64(address) >> 12))


@implements(contract.second_level_largest_leaf)
@fn
def second_level_largest_leaf() -> u32:
    """1 GiB leaves where the host's own tables have them."""
    return u32(3) if FEATURES.large_1g else u32(2)
