"""A device's MSI-X table (PCI 3.0, 6.8.2): vectors that wait, and the messages that may go."""

from __future__ import annotations

from codegen.lang import Array, Field, Struct, count, fn, range, u32, u64
from drivers.pci.msix import MASKED, MsixControl, MsixEntry
from hypervisor.devices.pci.window import VECTORS


class MsixTable(Struct):
    """Bit n of `pending`: vector n has a message that was not sent yet; of `masked`: its entry says so."""

    entries: Array[MsixEntry] = count(VECTORS)
    pending: Field[u32]
    masked: Field[u32]


@fn(cold=True)
def msix_reset(vectors: MsixTable) -> None:
    """Every vector masked."""
    vectors.zero()
    vectors.masked = (1 << VECTORS) - 1
    for i in range(u32(VECTORS)):
        vectors.entries[i].control = MASKED


@fn
def msix_ready(vectors: MsixTable, control: MsixControl) -> u32:
    """Bit n: the message of vector n is to be sent now."""
    return vectors.pending & ~vectors.masked if control.enabled and not control.masked else u32(0)


@fn(unchecked=True)
def msix_read(vectors: MsixTable, offset: u32) -> u32:
    """A dword of the table; other offsets read 0."""
    entry = vectors.entries[offset >> 4 & (VECTORS - 1)]
    if offset >= VECTORS * 16:
        return u32(0)
    match offset >> 2 & 3:
        case 0:
            return u32.trunc(entry.address)
        case 1:
            return u32.trunc(entry.address >> 32)
        case 2:
            return entry.data
        case _:
            return entry.control


@fn(unchecked=True)
def msix_write(vectors: MsixTable, offset: u32, value: u32) -> None:
    """A dword of the table; other offsets ignore it. The pending bits are read-only."""
    number = offset >> 4 & (VECTORS - 1)
    entry = vectors.entries[number]
    if offset >= VECTORS * 16:
        return
    match offset >> 2 & 3:
        case 0:
            entry.address = entry.address & ~0xFFFF_FFFF | u64(value & ~3)
        case 1:
            entry.address = entry.address & 0xFFFF_FFFF | u64(value) << 32
        case 2:
            entry.data = value
        case _:
            entry.control = value & MASKED
            vectors.masked = vectors.masked & ~(u32(1) << number) | (value & MASKED) << number
