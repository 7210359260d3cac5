"""MSI-X (PCI 3.0, 6.8.2): its capability, its table, and the messages that x86 devices send (SDM vol. 3A, 11.11)."""

from __future__ import annotations

from codegen.lang import BitStruct, Field, Struct, at, bit, bits, u8, u16, u32, u64
from drivers.interrupt.lapic import DeliveryMode


class MsixControl(BitStruct, repr=u16):
    """Message control."""

    last: u16 = bits(0, 10)  # entries of the table, less one
    masked: bool = bit(14)  # the whole function
    enabled: bool = bit(15)


class MsixCapability(Struct, size=12, align=4):
    """ID 11h. `table` and `pending` hold the number of a BAR in their low three bits, else an offset in it."""

    id: Field[u8] = at(0)
    next: Field[u8] = at(1)
    control: Field[MsixControl] = at(2)
    table: Field[u32] = at(4)
    pending: Field[u32] = at(8)


class MsixEntry(Struct, size=16, align=8):
    """One vector of the table."""

    address: Field[u64] = at(0)
    data: Field[u32] = at(8)
    control: Field[u32] = at(12)  # bit 0: masked


MASKED = 1


class MessageAddress(BitStruct, repr=u32):
    """Where an interrupt message is written."""

    logical: bool = bit(2)
    redirectable: bool = bit(3)
    destination: u8 = bits(12, 19)
    prefix: u16 = bits(20, 31)  # FEEh, else it is ordinary memory


MESSAGE_PREFIX = 0xFEE


class MessageData(BitStruct, repr=u32):
    """What is written there."""

    vector: u8 = bits(0, 7)
    delivery: DeliveryMode = bits(8, 10)
    level: bool = bit(15)
