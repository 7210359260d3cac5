"""Guest linear addresses: a walk of the guest's own page tables, as its processor would do it (SDM vol. 3A, ch. 4)."""

from __future__ import annotations

from codegen.lang import BitStruct, Gpa, bit, fn, static, u32, u64
from hypervisor.exits.canonical import is_canonical
from hypervisor.memory.fault import Fault
from hypervisor.memory.guest import read_u32, read_u64, replace_u32, replace_u64
from hypervisor.vcpu.contract import vcpu_cr, vcpu_efer, vcpu_rflags
from hypervisor.vcpu.vcpu import Vcpu

CR0_PG, CR0_WP = 1 << 31, 1 << 16
CR4_PSE, CR4_PAE, CR4_SMEP, CR4_SMAP = 1 << 4, 1 << 5, 1 << 20, 1 << 21
RFLAGS_AC = 1 << 18
EFER_LMA, EFER_NXE = 1 << 10, 1 << 11
FRAME = 0x000F_FFFF_FFFF_F000
PRESENT, WRITABLE, USER, LARGE, NO_EXECUTE = 1 << 0, 1 << 1, 1 << 2, 1 << 7, 1 << 63
ACCESSED, DIRTY = 1 << 5, 1 << 6


class Access(BitStruct, repr=u32):
    """What the guest wanted to do at an address."""

    write: bool = bit(0)
    fetch: bool = bit(1)
    user: bool = bit(2)
    any_right: bool = bit(3)  # only whether something is mapped there


@fn
def translate_linear(vcpu: Vcpu, address: u64, access: Access) -> Gpa | Fault:
    """The guest-physical address of `address`; PAGE_FAULT where the guest's tables do not allow `access`."""
    if vcpu_cr(vcpu, u32(0)) & CR0_PG == 0:
        return Gpa(address & 0xFFFF_FFFF)
    return walk(vcpu, address, access)


@fn(hot=True, noinline=True)
def walk(vcpu: Vcpu, address: u64, access: Access) -> Gpa | Fault:
    """By the page tables of the mode that the guest is in."""
    cr3 = vcpu_cr(vcpu, u32(3))
    cr4 = vcpu_cr(vcpu, u32(4))
    if vcpu_efer(vcpu) & EFER_LMA != 0:
        if not is_canonical(address):
            return Fault.NOT_CANONICAL
        return walk_long(vcpu, cr3 & FRAME, address, access)
    if cr4 & CR4_PAE != 0:
        return walk_pae(vcpu, cr3 & 0xFFFF_FFE0, address & 0xFFFF_FFFF, access)
    return walk_legacy(vcpu, cr3 & 0xFFFF_F000, address & 0xFFFF_FFFF, access, cr4 & CR4_PSE != 0)


@fn
def walk_long(vcpu: Vcpu, root: u64, address: u64, access: Access) -> Gpa | Fault:
    """Four levels of 512 entries."""
    table = root
    rights = u64(WRITABLE | USER)
    no_execute = u64(0)
    for level in static((3, 2, 1, 0)):
        entry = read_u64(vcpu.vm.memory, Gpa(table + ((address >> static(12 + 9 * level)) & 0x1FF) * 8))
        if isinstance(entry, Fault):
            return entry
        if entry & PRESENT == 0:
            return Fault.PAGE_FAULT
        rights = rights & entry
        no_execute = no_execute | entry & NO_EXECUTE
        if level == 0 or ((level == 1 or level == 2) and entry & LARGE != 0):
            if not rights_allow(vcpu, rights, no_execute, access):
                return Fault.PAGE_FAULT
            offset_mask = u64(static((1 << (12 + 9 * level)) - 1))
            return Gpa(entry & FRAME & ~offset_mask | address & offset_mask)
        table = entry & FRAME
    return Fault.PAGE_FAULT


@fn
def walk_pae(vcpu: Vcpu, root: u64, address: u64, access: Access) -> Gpa | Fault:
    """Four pointers, then two levels of 512 entries."""
    pointer = read_u64(vcpu.vm.memory, Gpa(root + (address >> 30) * 8))
    if isinstance(pointer, Fault):
        return pointer
    if pointer & PRESENT == 0:
        return Fault.PAGE_FAULT
    table = pointer & FRAME
    rights = u64(WRITABLE | USER)
    no_execute = u64(0)
    for level in static((1, 0)):
        entry = read_u64(vcpu.vm.memory, Gpa(table + ((address >> static(12 + 9 * level)) & 0x1FF) * 8))
        if isinstance(entry, Fault):
            return entry
        if entry & PRESENT == 0:
            return Fault.PAGE_FAULT
        rights = rights & entry
        no_execute = no_execute | entry & NO_EXECUTE
        if level == 0 or entry & LARGE != 0:
            if not rights_allow(vcpu, rights, no_execute, access):
                return Fault.PAGE_FAULT
            offset_mask = u64(static((1 << (12 + 9 * level)) - 1))
            return Gpa(entry & FRAME & ~offset_mask | address & offset_mask)
        table = entry & FRAME
    return Fault.PAGE_FAULT


@fn
def walk_legacy(vcpu: Vcpu, root: u64, address: u64, access: Access, large_pages: bool) -> Gpa | Fault:
    """Two levels of 1024 entries of 32 bits; 4 MiB pages with PSE (PSE-36: bits 20:13 are address bits 39:32)."""
    directory = read_u32(vcpu.vm.memory, Gpa(root + (address >> 22) * 4))
    if isinstance(directory, Fault):
        return directory
    if directory & PRESENT == 0:
        return Fault.PAGE_FAULT
    upper = u64(directory)
    if large_pages and upper & LARGE != 0:
        if not rights_allow(vcpu, upper, u64(0), access):
            return Fault.PAGE_FAULT
        return Gpa(upper & 0xFFC0_0000 | ((upper >> 13) & 0xFF) << 32 | address & 0x3F_FFFF)
    entry = read_u32(vcpu.vm.memory, Gpa((upper & 0xFFFF_F000) + ((address >> 12) & 0x3FF) * 4))
    if isinstance(entry, Fault):
        return entry
    if entry & PRESENT == 0:
        return Fault.PAGE_FAULT
    leaf = u64(entry)
    if not rights_allow(vcpu, upper & leaf, u64(0), access):
        return Fault.PAGE_FAULT
    return Gpa(leaf & 0xFFFF_F000 | address & 0xFFF)


@fn
def rights_allow(vcpu: Vcpu, rights: u64, no_execute: u64, access: Access) -> bool:
    """Access rights of a walk (SDM vol. 3A, 4.6); `rights` holds the AND of all entries' W and U bits. Data accesses
    are explicit ones: RFLAGS.AC suspends SMAP for them."""
    if access.any_right:
        return True
    if access.user and rights & USER == 0:
        return False
    if access.write and rights & WRITABLE == 0 and (access.user or vcpu_cr(vcpu, u32(0)) & CR0_WP != 0):
        return False
    if access.fetch:
        if no_execute != 0 and vcpu_efer(vcpu) & EFER_NXE != 0:
            return False
        if not access.user and rights & USER != 0 and vcpu_cr(vcpu, u32(4)) & CR4_SMEP != 0:
            return False
    elif not access.user and rights & USER != 0 and vcpu_cr(vcpu, u32(4)) & CR4_SMAP != 0:
        return vcpu_rflags(vcpu) & RFLAGS_AC != 0
    return True


@fn(noinline=True)
def mark_used(vcpu: Vcpu, address: u64, write: bool) -> None:
    """Set the accessed bits of an access that `translate_linear` has allowed, and the dirty bit when it writes (SDM
    vol. 3A, 4.8). An entry that the guest changes in this moment stays as the guest wants it."""
    if vcpu_cr(vcpu, u32(0)) & CR0_PG == 0:
        return
    cr4 = vcpu_cr(vcpu, u32(4))
    long = vcpu_efer(vcpu) & EFER_LMA != 0
    if not long:
        address = address & 0xFFFF_FFFF
    table = vcpu_cr(vcpu, u32(3)) & FRAME
    level = u32(3) if long else u32(1)
    if not long and cr4 & CR4_PAE == 0:
        mark_legacy(vcpu, table & 0xFFFF_F000, address, write, cr4 & CR4_PSE != 0)
        return
    if not long:
        # The four pointers have no accessed bit.
        pointer = read_u64(vcpu.vm.memory, Gpa((vcpu_cr(vcpu, u32(3)) & 0xFFFF_FFE0) + (address >> 30) * 8))
        if isinstance(pointer, Fault):
            return
        table = pointer & FRAME
    while True:
        place = Gpa(table + ((address >> (level * 9 + 12)) & 0x1FF) * 8)
        entry = read_u64(vcpu.vm.memory, place)
        if isinstance(entry, Fault) or entry & PRESENT == 0:
            return
        last = level == 0 or (level < 3 and entry & LARGE != 0)
        used = entry | ACCESSED | (u64(DIRTY) if last and write else u64(0))
        if used != entry:
            replace_u64(vcpu.vm.memory, place, entry, used)
        if last:
            return
        table = entry & FRAME
        level = level - 1


@fn
def mark_legacy(vcpu: Vcpu, table: u64, address: u64, write: bool, large_pages: bool) -> None:
    """The same in two levels of 32-bit entries."""
    level = u32(1)
    while True:
        place = Gpa(table + ((address >> (level * 10 + 12)) & 0x3FF) * 4)
        entry = read_u32(vcpu.vm.memory, place)
        if isinstance(entry, Fault) or entry & PRESENT == 0:
            return
        last = level == 0 or (large_pages and entry & LARGE != 0)
        used = entry | ACCESSED | (u32(DIRTY) if last and write else u32(0))
        if used != entry:
            replace_u32(vcpu.vm.memory, place, entry, used)
        if last:
            return
        table = u64(entry) & 0xFFFF_F000
        level = level - 1
