"""What a controller and its namespaces say of themselves (NVM Express base 1.4, chapter 5.15)."""

from __future__ import annotations

from codegen.lang import Array, BitStruct, Field, HwEnum, Struct, at, bit, bits, u8, u16, u32, u64

FORMATS = 64  # 16 before 2.0
NAMESPACE_LIST = 1024


class IdentifyWhat(HwEnum, repr=u8):
    """CNS (5.15.1)."""

    NAMESPACE = 0x00
    CONTROLLER = 0x01
    ACTIVE_NAMESPACES = 0x02


class OptionalCommands(BitStruct, repr=u16):
    """ONCS."""

    dataset: bool = bit(2)
    write_zeroes: bool = bit(3)


class WriteCache(BitStruct, repr=u8):
    """VWC."""

    present: bool = bit(0)


class ControllerData(Struct, size=4096, align=4096, shared=True):
    """CNS 01h (5.15.2.2)."""

    serial: Array[u8] = at(4, count=20)
    model: Array[u8] = at(24, count=40)
    transfer_log2: Field[u8] = at(77)  # MDTS: 4096 << it bytes at most in a command; 0: no limit
    kind: Field[u8] = at(111)  # CNTRLTYPE: 0 not said, 1 with disks
    namespaces: Field[u32] = at(516)  # NN: numbers are up to it
    commands: Field[OptionalCommands] = at(520)
    write_cache: Field[WriteCache] = at(525)


class BlockFormat(BitStruct, repr=u32):
    """LBAF."""

    metadata: u16 = bits(0, 15)  # bytes of it with each block
    block_log2: u8 = bits(16, 23)


class FormatInUse(BitStruct, repr=u8):
    """FLBAS."""

    low: u8 = bits(0, 3)
    high: u8 = bits(5, 6)  # where there are more than 16


class NamespaceAttributes(BitStruct, repr=u8):
    """NSATTR."""

    write_protected: bool = bit(0)


class NamespaceData(Struct, size=4096, align=4096, shared=True):
    """CNS 00h (5.15.2.1)."""

    blocks: Field[u64] = at(0)
    last_format: Field[u8] = at(25)
    format: Field[FormatInUse] = at(26)
    attributes: Field[NamespaceAttributes] = at(99)
    formats: Array[BlockFormat] = at(128, count=FORMATS)


class NamespaceNumbers(Struct, size=4096, align=4096, shared=True):
    """CNS 02h (5.15.2.3): ascending, and 0 behind the last one."""

    numbers: Array[u32] = at(0, count=NAMESPACE_LIST)
