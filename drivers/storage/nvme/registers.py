"""Registers of an NVMe controller (NVM Express base 1.4, chapter 3.1; 2.0 keeps them)."""

from __future__ import annotations

from codegen.lang import RO, WO, BitStruct, MmioBlock, Reg, at, bit, bits, u8, u16, u32, u64

DOORBELLS = 0x1000  # where they begin
GONE = 0xFFFF_FFFF  # of a register that cannot be so: nobody answers any more


class NvmeCapability(BitStruct, repr=u64):
    """CAP (3.1.1)."""

    last_entry: u16 = bits(0, 15)  # a queue has at most this many entries, and one more
    patience: u8 = bits(24, 31)  # how long `ready` may take to follow, in 500 ms
    stride: u8 = bits(32, 35)  # doorbells are 4 << stride bytes apart
    nvm_commands: bool = bit(37)
    smallest_page: u8 = bits(48, 51)  # 4096 << it, bytes


class NvmeConfiguration(BitStruct, repr=u32):
    """CC (3.1.5)."""

    enabled: bool = bit(0)
    commands: u8 = bits(4, 6)  # which set: 0 is NVM's
    page: u8 = bits(7, 10)  # 4096 << it, bytes
    arbitration: u8 = bits(11, 13)  # 0: round robin
    shutdown: u8 = bits(14, 15)
    submission_log2: u8 = bits(16, 19)  # bytes of an entry
    completion_log2: u8 = bits(20, 23)


class NvmeStatus(BitStruct, repr=u32):
    """CSTS (3.1.6)."""

    ready: bool = bit(0)
    fatal: bool = bit(1)
    shutdown: u8 = bits(2, 3)


class NvmeAdminSizes(BitStruct, repr=u32):
    """AQA (3.1.8): numbers of entries, less 1."""

    submission: u16 = bits(0, 11)
    completion: u16 = bits(16, 27)


class NvmeRegisters(MmioBlock, size=0x1000):
    """All before the doorbells that a driver needs."""

    capability: Reg[NvmeCapability] = at(0x00, access=RO)
    version: Reg[u32] = at(0x08, access=RO)
    configuration: Reg[NvmeConfiguration] = at(0x14)
    status: Reg[NvmeStatus] = at(0x1C, access=RO)
    admin_sizes: Reg[NvmeAdminSizes] = at(0x24)
    admin_submissions: Reg[u64] = at(0x28)
    admin_completions: Reg[u64] = at(0x30)


class NvmeDoorbell(MmioBlock, size=4):
    """Queue y has two: the tail of its submissions is at stride 2 * y, the head of its completions behind it."""

    index: Reg[u32] = at(0, access=WO)
