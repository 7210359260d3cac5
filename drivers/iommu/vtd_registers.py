"""Registers of a VT-d unit (Intel VT-d architecture specification 4.1, chapter 11), as legacy mode needs them."""

from __future__ import annotations

from codegen.lang import RO, WO, BitStruct, MmioBlock, Reg, at, bit, bits, u8, u16, u32, u64
from drivers.iommu.vtd_tables import VtdGranularity


class VtdCapability(BitStruct, repr=u64):
    """CAP_REG (11.4.2)."""

    domains: u8 = bits(0, 2)  # 2^(4 + 2 * n) of them
    must_flush_write_buffer: bool = bit(4)
    protected_low: bool = bit(5)
    protected_high: bool = bit(6)
    caches_absence: bool = bit(7)  # caching mode: also entries that are not present
    address_widths: u8 = bits(8, 12)  # bit 1: 39 bits, 3 levels; bit 2: 48 bits, 4 levels
    fault_offset: u16 = bits(24, 33)  # of the fault records, in 16 bytes
    last_fault: u8 = bits(40, 47)  # their number, less 1
    drains_writes: bool = bit(54)
    drains_reads: bool = bit(55)


class VtdExtended(BitStruct, repr=u64):
    """ECAP_REG (11.4.3)."""

    coherent: bool = bit(0)  # walks of tables snoop the processors' caches
    queued_invalidation: bool = bit(1)
    commands_offset: u16 = bits(8, 17)  # of the invalidation registers, in 16 bytes


# Bits of the global command and, at the same places, of the global status (11.4.4).
TRANSLATION = 1 << 31
ROOT_POINTER = 1 << 30  # once
WRITE_BUFFER = 1 << 27  # once
QUEUE = 1 << 26
INTERRUPT_REMAPPING = 1 << 25
LASTING = TRANSLATION | QUEUE | INTERRUPT_REMAPPING


class VtdContextCommand(BitStruct, repr=u64):
    """CCMD_REG (11.4.6.1)."""

    done: u8 = bits(59, 60)  # the granularity that was carried out; 0: refused
    wanted: VtdGranularity = bits(61, 62)
    invalidate: bool = bit(63)  # until it is done


class VtdIotlbCommand(BitStruct, repr=u64):
    """IOTLB_REG (11.4.6.2)."""

    domain: u16 = bits(32, 47)
    drain_writes: bool = bit(48)
    drain_reads: bool = bit(49)
    done: u8 = bits(57, 58)
    wanted: VtdGranularity = bits(60, 61)
    invalidate: bool = bit(63)


class VtdFaultStatus(BitStruct, repr=u32):
    """FSTS_REG (11.4.7.1). Written ones clear."""

    overflow: bool = bit(0)
    pending: bool = bit(1)  # read-only: a record is full
    queue_error: bool = bit(4)
    completion_error: bool = bit(5)
    timeout: bool = bit(6)
    first_record: u8 = bits(8, 15)


class VtdFaultControl(BitStruct, repr=u32):
    """FECTL_REG (11.4.7.2)."""

    masked: bool = bit(31)


class VtdProtected(BitStruct, repr=u32):
    """PMEN_REG (11.4.8)."""

    status: bool = bit(0)  # read-only
    enabled: bool = bit(31)


class VtdRegisters(MmioBlock, size=0x1000):
    """The first page."""

    version: Reg[u32] = at(0x00, access=RO)
    capability: Reg[VtdCapability] = at(0x08, access=RO)
    extended: Reg[VtdExtended] = at(0x10, access=RO)
    command: Reg[u32] = at(0x18, access=WO)
    status: Reg[u32] = at(0x1C, access=RO)
    root_table: Reg[u64] = at(0x20)
    context_command: Reg[VtdContextCommand] = at(0x28)
    fault_status: Reg[VtdFaultStatus] = at(0x34)
    fault_control: Reg[VtdFaultControl] = at(0x38)
    protected: Reg[VtdProtected] = at(0x64)
    queue_head: Reg[u64] = at(0x80, access=RO)
    queue_tail: Reg[u64] = at(0x88)
    queue_address: Reg[u64] = at(0x90)


class VtdInvalidationRegisters(MmioBlock, size=16):
    """At the place that the extended capabilities tell."""

    iotlb: Reg[VtdIotlbCommand] = at(8)


class VtdFaultHigh(BitStruct, repr=u64):
    """Upper half of a fault record (11.4.7.6)."""

    requester: u16 = bits(0, 15)
    reason: u8 = bits(32, 39)
    read: bool = bit(62)  # T1
    full: bool = bit(63)  # a written one frees the record


class VtdFaultRecord(MmioBlock, size=16):
    """One fault record: of its address the page."""

    address: Reg[u64] = at(0, access=RO)
    rest: Reg[VtdFaultHigh] = at(8)
