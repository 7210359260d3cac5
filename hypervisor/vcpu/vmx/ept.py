"""Extended page tables: entries, the EPT pointer and invalidation (SDM vol. 3C, 29.3)."""

from __future__ import annotations

from codegen.lang import BitStruct, Hpa, bit, bits, fn, implements, u8, u32, u64
from hypervisor.vcpu import contract
from hypervisor.vcpu.contract import AccessRights
from hypervisor.vcpu.vmx.instructions import InveptKind, invept
from hypervisor.vcpu.vmx.state import FEATURES

WRITE_BACK = 6
FOUR_LEVELS = 3


class EptEntry(BitStruct, repr=u64):
    """Tables 29-2 to 29-7. The guest's own PAT decides about RAM (ignore-PAT is 0), as on a bare machine."""

    rights: u8 = bits(0, 2)
    memory_type: u8 = bits(3, 5)  # of a leaf
    ignore_pat: bool = bit(6)
    large: bool = bit(7)  # a leaf above level 1
    frame: u64 = bits(12, 51)


class EptPointer(BitStruct, repr=u64):
    """Table 25-9."""

    memory_type: u8 = bits(0, 2)
    levels_less_1: u8 = bits(3, 5)
    accessed_dirty: bool = bit(6)
    frame: u64 = bits(12, 51)


@fn
def ept_pointer(root: Hpa) -> u64:
    """Four levels at `root`, walked through the cache."""
    return u64(EptPointer(memory_type=u8(WRITE_BACK), levels_less_1=u8(FOUR_LEVELS), frame=u64(root) >> 12))


@implements(contract.second_level_leaf)
@fn
def second_level_leaf(address: Hpa, rights: AccessRights, level: u32) -> u64:
    """A leaf of write-back RAM; level 1 is 4 KiB, 2 is 2 MiB, 3 is 1 GiB."""
    return u64(EptEntry(rights=u8(rights), memory_type=u8(WRITE_BACK), large=level > 1, frame=u64(address) >> 12))


@implements(contract.second_level_table)
@fn
def second_level_table(address: Hpa) -> u64:
    """An entry that points to the next table: all rights, the leaves decide."""
    return u64(EptEntry(rights=u8(AccessRights.READ_WRITE_EXECUTE), frame=u64(address) >> 12))


@implements(contract.second_level_largest_leaf)
@fn
def second_level_largest_leaf() -> u32:
    """3 when the processor has 1 GiB leaves, else 2."""
    return FEATURES.largest_leaf


@implements(contract.second_level_invalidate)
@fn
def second_level_invalidate(root: Hpa) -> None:
    """INVEPT of one context: all translations by these tables on this processor."""
    assert invept(InveptKind.SINGLE_CONTEXT, ept_pointer(root))
