"""Message-signalled interrupts: the address and the data that a device writes (SDM vol. 3A, 11.11; AMD64 APM vol. 2,
16.11). Neither APM nor SDM has more than 8 bits of APIC ID here: higher ones need an IOMMU's remapping."""

from __future__ import annotations

from codegen.lang import BitStruct, bit, bits, fn, u8, u16, u32
from drivers.interrupt.lapic import DeliveryMode

MESSAGE_PREFIX = 0xFEE  # bits 31:20 of the address, else it is ordinary memory
APIC_ID_MAX = 0xFE  # FFh is everybody


class MessageAddress(BitStruct, repr=u32):
    """Section 11.11.1; the upper half of a 64-bit address is 0."""

    logical: bool = bit(2)
    redirectable: bool = bit(3)
    destination: u8 = bits(12, 19)
    prefix: u16 = bits(20, 31)


class MessageData(BitStruct, repr=u32):
    """Section 11.11.2; devices write 16 bits of it, or 32."""

    vector: u8 = bits(0, 7)
    delivery: DeliveryMode = bits(8, 10)
    assert_level: bool = bit(14)
    level: bool = bit(15)


@fn(cold=True)
def message_address(apic_id: u32) -> MessageAddress | None:
    """To one processor; None when its ID is too high for a message that nobody remaps."""
    if apic_id > APIC_ID_MAX:
        return None
    return MessageAddress(prefix=u16(MESSAGE_PREFIX), destination=u8(apic_id))


@fn(cold=True)
def message_data(vector: u8) -> MessageData:
    """An ordinary interrupt, edge-triggered."""
    return MessageData(vector=vector, delivery=DeliveryMode.FIXED)
