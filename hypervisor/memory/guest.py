"""A guest's RAM: slots of guest-physical memory, read and written by checked copies only.

No reference to guest memory leaves this file, so a value that was checked cannot change afterwards (no double fetch);
but for `lent_run`, which is for devices: nothing that they move is looked at.
"""

from __future__ import annotations

from codegen.lang import (
    Array,
    Atomic,
    Field,
    Gpa,
    Hpa,
    Local,
    Span,
    Struct,
    at,
    count,
    fn,
    len,
    min,
    phys,
    phys_span,
    range,
    span_of,
    u8,
    u16,
    u32,
    u64,
    usize,
)
from hypervisor.memory.fault import Fault
from hypervisor.memory.frames import RUN

SLOTS_MAX = 8


class GuestSlot(Struct):
    """A run of guest-physical addresses and the host memory behind it. All three are 4 KiB-aligned."""

    gpa: Field[Gpa]
    size: Field[u64]  # bytes
    hpa: Field[Hpa]
    writable: Field[bool]  # by the guest and by devices on its behalf


class GuestMemory(Struct):
    """All RAM of one VM; slots do not overlap."""

    slot_count: Field[u32]
    slots: Array[GuestSlot] = count(SLOTS_MAX)


class Cell8(Struct, size=1, align=1, shared=True):
    """Guest memory may change at any moment: each of these is read or written by one instruction."""

    value: Field[u8] = at(0)


class Cell16(Struct, size=2, align=1, shared=True):
    value: Field[u16] = at(0)


class Cell32(Struct, size=4, align=1, shared=True):
    value: Field[u32] = at(0)


class Cell64(Struct, size=8, align=1, shared=True):
    value: Field[u64] = at(0)


class Entry32(Struct, size=4, align=4, shared=True):
    """An entry of guest page tables, which its processors change at the same time."""

    value: Atomic[u32] = at(0)


class Entry64(Struct, size=8, align=8, shared=True):
    value: Atomic[u64] = at(0)


@fn(cold=True)
def add_slot(memory: GuestMemory, gpa: Gpa, size: u64, hpa: Hpa, writable: bool) -> None:
    """Give the guest `size` bytes at `gpa`. Traps when there is no slot left (SLOTS_MAX): the manifest is checked."""
    slot = memory.slots[memory.slot_count]
    slot.gpa = gpa
    slot.size = size
    slot.hpa = hpa
    slot.writable = writable
    memory.slot_count += 1


@fn(cold=True)
def slot_runs(slot: GuestSlot) -> u64:
    """How many runs of the frames' books lie behind a slot."""
    return (slot.size + (RUN - 1)) // RUN


@fn(unchecked=True)
def slot_of(memory: GuestMemory, gpa: Gpa) -> GuestSlot | None:
    """The slot that holds the byte at `gpa`; most often the first (one that is not in use has no bytes)."""
    first = memory.slots[0]
    if u64(gpa).wrapping_sub(u64(first.gpa)) < first.size:
        return first
    return later_slot_of(memory, gpa)


@fn(unchecked=True, noinline=True)
def later_slot_of(memory: GuestMemory, gpa: Gpa) -> GuestSlot | None:
    """The same among all of them."""
    for i in range(memory.slot_count):
        slot = memory.slots[i]
        if u64(gpa).wrapping_sub(u64(slot.gpa)) < slot.size:
            return slot
    return None


@fn(unchecked=True)
def readable_at(memory: GuestMemory, gpa: Gpa, length: u64) -> Hpa | None:
    """Where `length` bytes at `gpa` lie, when one slot holds them all."""
    slot = slot_of(memory, gpa)
    if slot is None:
        return None
    offset = u64(gpa).wrapping_sub(u64(slot.gpa))
    if length > slot.size - offset:
        return None
    return slot.hpa + offset


@fn(unchecked=True)
def writable_at(memory: GuestMemory, gpa: Gpa, length: u64) -> Hpa | None:
    """The same, for memory that the guest may write."""
    slot = slot_of(memory, gpa)
    if slot is None or not slot.writable:
        return None
    offset = u64(gpa).wrapping_sub(u64(slot.gpa))
    if length > slot.size - offset:
        return None
    return slot.hpa + offset


@fn
def replace_u32(memory: GuestMemory, gpa: Gpa, old: u32, new: u32) -> None:
    """`new` for `old` in one step, at a multiple of 4; nothing when it is not `old` any more, or not writable RAM."""
    hpa = writable_at(memory, gpa, u64(4))
    if hpa is not None:
        phys(Entry32, hpa).value.compare_exchange(old, new)


@fn
def replace_u64(memory: GuestMemory, gpa: Gpa, old: u64, new: u64) -> None:
    """The same at a multiple of 8."""
    hpa = writable_at(memory, gpa, u64(8))
    if hpa is not None:
        phys(Entry64, hpa).value.compare_exchange(old, new)


@fn
def read_u8(memory: GuestMemory, gpa: Gpa) -> u8 | Fault:
    """One byte of guest RAM."""
    hpa = readable_at(memory, gpa, u64(1))
    if hpa is None:
        return Fault.NO_MEMORY
    return phys(Cell8, hpa).value


@fn
def read_u16(memory: GuestMemory, gpa: Gpa) -> u16 | Fault:
    """Two bytes, little-endian, at any alignment; atomic when aligned."""
    hpa = readable_at(memory, gpa, u64(2))
    if hpa is not None:
        return phys(Cell16, hpa).value
    cell = Local(Cell16)
    fault = copy_in(memory, gpa, span_of(cell))
    if fault is not None:
        return fault
    return cell.value


@fn
def read_u32(memory: GuestMemory, gpa: Gpa) -> u32 | Fault:
    """Four bytes, as read_u16."""
    hpa = readable_at(memory, gpa, u64(4))
    if hpa is not None:
        return phys(Cell32, hpa).value
    return read_u32_across(memory, gpa)


@fn(noinline=True)
def read_u32_across(memory: GuestMemory, gpa: Gpa) -> u32 | Fault:
    """Of two slots, or none."""
    cell = Local(Cell32)
    fault = copy_in(memory, gpa, span_of(cell))
    if fault is not None:
        return fault
    return cell.value


@fn
def read_u64(memory: GuestMemory, gpa: Gpa) -> u64 | Fault:
    """Eight bytes, as read_u16."""
    hpa = readable_at(memory, gpa, u64(8))
    if hpa is not None:
        return phys(Cell64, hpa).value
    return read_u64_across(memory, gpa)


@fn(noinline=True)
def read_u64_across(memory: GuestMemory, gpa: Gpa) -> u64 | Fault:
    """Of two slots, or none."""
    cell = Local(Cell64)
    fault = copy_in(memory, gpa, span_of(cell))
    if fault is not None:
        return fault
    return cell.value


@fn
def write_u8(memory: GuestMemory, gpa: Gpa, value: u8) -> Fault | None:
    """One byte of guest RAM."""
    cell = Local(Cell8)
    cell.value = value
    return copy_out(memory, gpa, span_of(cell))


@fn
def write_u16(memory: GuestMemory, gpa: Gpa, value: u16) -> Fault | None:
    """Two bytes, little-endian, at any alignment; atomic when aligned."""
    hpa = writable_at(memory, gpa, u64(2))
    if hpa is not None:
        phys(Cell16, hpa).value = value
        return None
    cell = Local(Cell16)
    cell.value = value
    return copy_out(memory, gpa, span_of(cell))


@fn
def write_u32(memory: GuestMemory, gpa: Gpa, value: u32) -> Fault | None:
    """Four bytes, as write_u16."""
    hpa = writable_at(memory, gpa, u64(4))
    if hpa is not None:
        phys(Cell32, hpa).value = value
        return None
    cell = Local(Cell32)
    cell.value = value
    return copy_out(memory, gpa, span_of(cell))


@fn
def write_u64(memory: GuestMemory, gpa: Gpa, value: u64) -> Fault | None:
    """Eight bytes, as write_u16."""
    hpa = writable_at(memory, gpa, u64(8))
    if hpa is not None:
        phys(Cell64, hpa).value = value
        return None
    cell = Local(Cell64)
    cell.value = value
    return copy_out(memory, gpa, span_of(cell))


@fn
def copy_in(memory: GuestMemory, gpa: Gpa, into: Span) -> Fault | None:
    """Guest RAM at `gpa` into the monitor's `into`, across slots. On a fault `into` is unchanged."""
    fault = check_range(memory, gpa, u64(len(into)), False)
    if fault is not None:
        return fault
    done = usize(0)
    while done < len(into):
        here, run = run_at(memory, gpa, u64(done), u64(len(into)))
        into.slice(done, usize(run)).copy_from(phys_span(here, run))
        done += usize(run)
    return None


@fn
def copy_out(memory: GuestMemory, gpa: Gpa, source: Span) -> Fault | None:
    """The monitor's `source` to guest RAM at `gpa`, across slots. On a fault the guest's memory is unchanged."""
    fault = check_range(memory, gpa, u64(len(source)), True)
    if fault is not None:
        return fault
    done = usize(0)
    while done < len(source):
        here, run = run_at(memory, gpa, u64(done), u64(len(source)))
        phys_span(here, run).copy_from(source.slice(done, usize(run)))
        done += usize(run)
    return None


@fn
def fill(memory: GuestMemory, gpa: Gpa, length: u64, byte: u8) -> Fault | None:
    """Set `length` bytes of guest RAM."""
    fault = check_range(memory, gpa, length, True)
    if fault is not None:
        return fault
    done = u64(0)
    while done < length:
        here, run = run_at(memory, gpa, done, length)
        phys_span(here, run).fill(byte)
        done += run
    return None


@fn
def lent_run(memory: GuestMemory, gpa: Gpa, skipped: u64, length: u64, written: bool) -> tuple[Hpa, u64]:
    """For a device of the machine that reads, or writes, the guest's RAM itself: where byte `skipped` behind `gpa`
    lies, and how many of `length` bytes lie there together; 0 where there is no such RAM."""
    address = u64(gpa).checked_add(skipped)
    if address is None:
        return Hpa(0), u64(0)
    slot = slot_of(memory, Gpa(address))
    if slot is None or written and not slot.writable:
        return Hpa(0), u64(0)
    offset = address - u64(slot.gpa)
    return slot.hpa + offset, min(slot.size - offset, length)


@fn
def check_range(memory: GuestMemory, gpa: Gpa, length: u64, write: bool) -> Fault | None:
    """Whether every byte of the range is RAM. Ends: each turn leaves one slot behind, and a wrap is refused."""
    if u64(gpa).checked_add(length) is None:
        return Fault.NO_MEMORY
    done = u64(0)
    while done < length:
        slot = slot_of(memory, gpa + done)
        if slot is None:
            return Fault.NO_MEMORY
        if write and not slot.writable:
            return Fault.READ_ONLY
        done += min(slot.size - ((gpa + done) - slot.gpa), length - done)
    return None


@fn
def run_at(memory: GuestMemory, gpa: Gpa, done: u64, length: u64) -> tuple[Hpa, u64]:
    """The host address of byte `done` of a range that was checked, and how many bytes of it lie there together."""
    slot = slot_of(memory, gpa + done)
    assert slot is not None
    offset = (gpa + done) - slot.gpa
    return slot.hpa + offset, min(slot.size - offset, length - done)
