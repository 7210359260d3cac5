"""What lies on a disk with a GUID partition table (UEFI 2.10, 5.3)."""

from __future__ import annotations

from codegen.lang import Array, Field, Struct, at, u8, u16, u32, u64

SIGNATURE = 0x5452_4150_2049_4645  # "EFI PART"
REVISION = 0x0001_0000
HEADER_BYTES = 92
ENTRY_BYTES = 128
NAME_UNITS = 36
ENTRIES_MAX = 128  # that are looked at


class Guid(Struct, size=16, align=1):
    """As stored: its first three parts little-endian (UEFI 2.10, appendix A)."""

    low: Field[u32] = at(0)
    middle: Field[u16] = at(4)
    high: Field[u16] = at(6)
    rest: Array[u8] = at(8, count=8)


class GptHeader(Struct, size=92, align=1):
    """Table 5.5. Places are in blocks of the disk."""

    signature: Field[u64] = at(0)
    revision: Field[u32] = at(8)
    header_bytes: Field[u32] = at(12)
    header_sum: Field[u32] = at(16)  # CRC32 of the header with 0 here
    own_block: Field[u64] = at(24)
    other_block: Field[u64] = at(32)
    first_usable: Field[u64] = at(40)
    last_usable: Field[u64] = at(48)
    entries_block: Field[u64] = at(72)
    entry_count: Field[u32] = at(80)
    entry_bytes: Field[u32] = at(84)
    entries_sum: Field[u32] = at(88)


class GptEntry(Struct, size=128, align=1):
    """Table 5.6. A type of all zeroes: not in use."""

    type: Guid = at(0)
    id: Guid = at(16)
    first_block: Field[u64] = at(32)
    last_block: Field[u64] = at(40)
    attributes: Field[u64] = at(48)
    name: Array[u16] = at(56, count=NAME_UNITS)
