"""Registers of the two 8259A interrupt controllers and of the ELCR (8259A datasheet; PIIX3 datasheet, section 2.5)."""

from __future__ import annotations

from codegen.lang import BitStruct, HwEnum, PortBlock, Reg, at, bit, bits, u8

PIC_MASTER_PORT = 0x20
PIC_SLAVE_PORT = 0xA0
PIC_ELCR_PORT = 0x4D0
CASCADE_IRQ = 2


class Pic8259(PortBlock, size=2):
    """One controller: A0 = 0 and A0 = 1. Byte registers."""

    command: Reg[u8] = at(0)  # write: ICW1, OCW2, OCW3; read: IRR, ISR or poll word
    data: Reg[u8] = at(1)  # write: ICW2 to ICW4, then OCW1, the mask; read: the mask


class EdgeLevelControl(PortBlock, size=2):
    """ELCR: bit set for a level-triggered input. IRQ 0, 1, 2, 8 and 13 are edge-triggered always."""

    master: Reg[u8] = at(0)
    slave: Reg[u8] = at(1)


class Icw1(BitStruct, repr=u8):
    """Starts initialisation."""

    icw4_needed: bool = bit(0)
    single: bool = bit(1)
    level: bool = bit(3)  # ignored where an ELCR exists
    start: bool = bit(4)


class Icw4(BitStruct, repr=u8):
    """The last word of initialisation."""

    x86: bool = bit(0)
    auto_eoi: bool = bit(1)
    special_fully_nested: bool = bit(4)


class Eoi(HwEnum, repr=u8):
    """OCW2, bits 5 to 7."""

    ROTATE_AUTO_CLEAR = 0
    NON_SPECIFIC = 1
    NONE = 2
    SPECIFIC = 3
    ROTATE_AUTO_SET = 4
    ROTATE_NON_SPECIFIC = 5
    SET_PRIORITY = 6
    ROTATE_SPECIFIC = 7


class Ocw2(BitStruct, repr=u8):
    """End of interrupt and rotation."""

    level: u8 = bits(0, 2)
    command: Eoi = bits(5, 7)


class Ocw3(BitStruct, repr=u8):
    """What reads give, poll, special mask mode."""

    read_isr: bool = bit(0)
    read_change: bool = bit(1)
    poll: bool = bit(2)
    is_ocw3: bool = bit(3)
    special_mask: bool = bit(5)
    special_mask_change: bool = bit(6)
