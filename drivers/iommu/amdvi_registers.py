"""Registers of an AMD-Vi unit (AMD I/O Virtualization Technology specification 3.05, section 3.4)."""

from __future__ import annotations

from codegen.lang import RO, BitStruct, MmioBlock, Reg, at, bit, bits, u8, u16, u64


class AmdviTableBase(BitStruct, repr=u64):
    """MMIO offset 0000h."""

    size: u16 = bits(0, 8)  # frames, less 1
    frame: u64 = bits(12, 51)


class AmdviRingBase(BitStruct, repr=u64):
    """0008h and 0010h."""

    frame: u64 = bits(12, 51)
    log2_entries: u8 = bits(56, 59)  # 8 to 15


class AmdviControl(BitStruct, repr=u64):
    """0018h."""

    enabled: bool = bit(0)
    tunnel: bool = bit(1)  # the next three and `isochronous` are as IVHD says
    events: bool = bit(2)
    pass_posted: bool = bit(8)
    response_pass_posted: bool = bit(9)
    coherent: bool = bit(10)
    isochronous: bool = bit(11)
    commands: bool = bit(12)


class AmdviFeatures(BitStruct, repr=u64):
    """0030h."""

    invalidate_all: bool = bit(6)


class AmdviStatus(BitStruct, repr=u64):
    """2020h. Written ones clear the first."""

    event_overflow: bool = bit(0)
    events_run: bool = bit(3)
    commands_run: bool = bit(4)


class AmdviRegisters(MmioBlock, size=0x4000):
    """All of them."""

    device_table: Reg[AmdviTableBase] = at(0x0000)
    command_base: Reg[AmdviRingBase] = at(0x0008)
    event_base: Reg[AmdviRingBase] = at(0x0010)
    control: Reg[AmdviControl] = at(0x0018)
    exclusion_base: Reg[u64] = at(0x0020)
    exclusion_limit: Reg[u64] = at(0x0028)
    features: Reg[AmdviFeatures] = at(0x0030, access=RO)
    command_head: Reg[u64] = at(0x2000)
    command_tail: Reg[u64] = at(0x2008)
    event_head: Reg[u64] = at(0x2010)
    event_tail: Reg[u64] = at(0x2018)
    status: Reg[AmdviStatus] = at(0x2020)


class AmdviUnitFlags(BitStruct, repr=u8):
    """Of an IVHD (table 70): what the control register is to say."""

    tunnel: bool = bit(0)
    pass_posted: bool = bit(1)
    response_pass_posted: bool = bit(2)
    isochronous: bool = bit(3)
