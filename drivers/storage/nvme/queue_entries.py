"""Entries of NVMe's queues (NVM Express base 1.4, chapters 4.2, 4.6, 5 and 6)."""

from __future__ import annotations

from codegen.lang import Array, BitStruct, Field, HwEnum, Struct, at, bit, bits, count, u8, u16, u32, u64

PAGE = 4096  # what CC.MPS says
LIST_ENTRIES = 128
DEALLOCATE = 1 << 2  # dword 11 of DATASET (6.7)


class NvmeAdminOpcode(HwEnum, repr=u8):
    """Chapter 5."""

    CREATE_SUBMISSIONS = 0x01
    CREATE_COMPLETIONS = 0x05
    IDENTIFY = 0x06
    SET_FEATURES = 0x09


class NvmeOpcode(HwEnum, repr=u8):
    """Chapter 6."""

    FLUSH = 0x00
    WRITE = 0x01
    READ = 0x02
    WRITE_ZEROES = 0x08
    DATASET = 0x09


class NvmeCommandHead(BitStruct, repr=u64):
    """Dwords 0 and 1."""

    opcode: u8 = bits(0, 7)
    id: u16 = bits(16, 31)
    namespace: u32 = bits(32, 63)


class NvmeCommand(Struct, size=64, align=64, shared=True):
    """An entry of a submission queue (4.2). What has no field here stays 0."""

    head: Field[NvmeCommandHead] = at(0)
    data: Field[u64] = at(24)  # PRP entry 1: where the data begins
    more_data: Field[u64] = at(32)  # PRP entry 2: the second page, or the list of all from the second on
    dwords_10_11: Field[u64] = at(40)
    dword_12: Field[u32] = at(48)


class NvmeCompletionState(BitStruct, repr=u32):
    """Dword 3 of a completion."""

    id: u16 = bits(0, 15)  # of the command
    phase: bool = bit(16)
    status: u16 = bits(17, 31)  # code in bits 0 to 7, its type in 8 to 10; 0: success


class NvmeCompletionQueue(BitStruct, repr=u32):
    """Dword 2 of a completion."""

    submission_head: u16 = bits(0, 15)
    submission: u16 = bits(16, 31)  # the queue that the command came from


class NvmeCompletion(Struct, size=16, align=16, shared=True):
    """An entry of a completion queue (4.6)."""

    result: Field[u32] = at(0)
    queue: Field[NvmeCompletionQueue] = at(8)
    state: Field[NvmeCompletionState] = at(12)


class PrpList(Struct, size=LIST_ENTRIES * 8, align=LIST_ENTRIES * 8):
    """Pages of a command's data (4.3). It lies within one page, so its last entry is data's, never another list."""

    pages: Array[u64] = count(LIST_ENTRIES)


class DatasetRange(Struct, size=16, align=8):
    """What DATASET is about (6.7)."""

    attributes: Field[u32] = at(0)
    blocks: Field[u32] = at(4)
    first: Field[u64] = at(8)


class NvmeRefusal(HwEnum, repr=u16):
    """Those of `status` that say that there is no such command, or nothing that it could be about (4.6.1.2)."""

    INVALID_OPCODE = 0x001
    INVALID_NAMESPACE = 0x00B
    OUT_OF_RANGE = 0x080
