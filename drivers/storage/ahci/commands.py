"""Commands as an AHCI controller reads them from memory (AHCI 1.3.1, chapter 4; FIS: Serial ATA 3.0, 10.5)."""

from __future__ import annotations

from codegen.lang import Array, BitStruct, Field, Hpa, Struct, at, bit, bits, fn, phys, range, u8, u16, u32, u64
from drivers.storage.ata.commands import AtaCommand
from drivers.storage.ata.task import AtaTask
from drivers.storage.command import SEGMENTS_MAX

SLOTS = 32
FIS_DWORDS = 5
FIS_REGISTERS = 0x27  # from the host
RECEIVED_BYTES = 256
REGION_BYTES_MAX = 1 << 22


class CommandFlags(BitStruct, repr=u32):
    """The first word of a header (4.2.2)."""

    fis_dwords: u8 = bits(0, 4)
    to_device: bool = bit(6)  # the command writes
    regions: u16 = bits(16, 31)


class CommandHeader(Struct, size=32, shared=True):
    """An entry of the command list: a slot."""

    flags: Field[CommandFlags] = at(0)
    transferred: Field[u32] = at(4)  # bytes, by the controller; not of queued commands
    table_low: Field[u32] = at(8)
    table_high: Field[u32] = at(12)


class FisFlags(BitStruct, repr=u8):
    """The second byte of a register FIS."""

    is_command: bool = bit(7)


class RegisterFis(Struct, size=20, align=4, shared=True):
    """Host to device."""

    kind: Field[u8] = at(0)
    flags: Field[FisFlags] = at(1)
    command: Field[AtaCommand] = at(2)
    features: Field[u8] = at(3)
    lba: Array[u8] = at(4, count=3)
    device: Field[u8] = at(7)
    lba_above: Array[u8] = at(8, count=3)
    features_above: Field[u8] = at(11)
    count: Field[u16] = at(12)
    rest: Array[u8] = at(14, count=6)


class MemoryRegion(Struct, size=16, shared=True):
    """An entry of the table of regions (4.2.3.3). `last_byte`: bytes less 1, at most REGION_BYTES_MAX - 1."""

    low: Field[u32] = at(0)
    high: Field[u32] = at(4)
    last_byte: Field[u32] = at(12)


class CommandTable(Struct, size=128 + 16 * SEGMENTS_MAX, align=128, shared=True):
    """4.2.3, with as many regions as a command has segments."""

    fis: RegisterFis = at(0)
    regions: Array[MemoryRegion] = at(128, count=SEGMENTS_MAX)


class ReceivedFis(Struct, size=RECEIVED_BYTES, shared=True):
    """What disks send (4.2.1); PxTFD tells all that we want of it."""

    bytes: Array[u8] = at(0, count=RECEIVED_BYTES)


@fn
def put_fis(fis: RegisterFis, task: AtaTask) -> None:
    """The task file as a FIS."""
    fis.kind = FIS_REGISTERS
    fis.flags = FisFlags(is_command=True)
    fis.command = task.command
    fis.features = u8.trunc(task.features)
    fis.features_above = u8(task.features >> 8)
    for i in range(u32(3)):
        fis.lba[i] = u8(task.lba >> (8 * i) & 0xFF)
        fis.lba_above[i] = u8(task.lba >> (24 + 8 * i) & 0xFF) if task.wide else u8(0)
    fis.device = task.device
    fis.count = task.count
    for i in range(u32(6)):
        fis.rest[i] = 0


@fn
def put_region(table: CommandTable, index: u32, address: u64, bytes: u32) -> None:
    """One region: `address` is even, `bytes` too."""
    region = table.regions[index]
    region.low = u32.trunc(address)
    region.high = u32(address >> 32)
    region.last_byte = bytes - 1


@fn
def put_header(list: Hpa, slot: u32, table: Hpa, regions: u32, to_device: bool) -> None:
    """The slot's entry in the list at `list`."""
    header = phys(CommandHeader, list + u64(slot) * 32)
    header.flags = CommandFlags(fis_dwords=u8(FIS_DWORDS), to_device=to_device, regions=u16(regions))
    header.transferred = 0
    header.table_low = u32.trunc(u64(table))
    header.table_high = u32(u64(table) >> 32)
