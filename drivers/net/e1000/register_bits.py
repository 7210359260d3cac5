"""Words of the e1000's registers (8254x, chapter 13; 82574, chapter 10), as its driver and a model of it need them."""

from __future__ import annotations

from codegen.lang import BitStruct, HwEnum, bit, bits, u8, u16, u32


class E1000Control(BitStruct, repr=u32):
    """CTRL (8254x 13.4.1; 82574 10.2.2.1)."""

    full_duplex: bool = bit(0)
    no_master: bool = bit(2)  # 82574: no new requests on PCI Express
    link_reset: bool = bit(3)  # 8254x
    auto_speed: bool = bit(5)
    link_up: bool = bit(6)
    invert_loss: bool = bit(7)
    speed: u8 = bits(8, 9)
    force_speed: bool = bit(11)
    force_duplex: bool = bit(12)
    reset: bool = bit(26)  # until it is done
    receive_pause: bool = bit(27)
    transmit_pause: bool = bit(28)
    reserved: bool = bit(29)  # 82574: to be written 0
    vlan_mode: bool = bit(30)  # tags are taken off frames
    phy_reset: bool = bit(31)


class E1000Status(BitStruct, repr=u32):
    """STATUS (8254x 13.4.2; 82574 10.2.2.2)."""

    full_duplex: bool = bit(0)
    link: bool = bit(1)
    paused: bool = bit(4)
    speed: u8 = bits(6, 7)  # 10, 100, 1000, 1000 Mb/s
    master: bool = bit(19)  # 82574: requests may still be under way


class E1000EepromControl(BitStruct, repr=u32):
    """EECD (8254x 13.4.3; 82574 10.2.2.3)."""

    request: bool = bit(6)
    grant: bool = bit(7)
    present: bool = bit(8)
    read_done: bool = bit(9)  # 82574: the card has configured itself


class E1000EepromRead(BitStruct, repr=u32):
    """EERD of the 8254x (13.4.4)."""

    start: bool = bit(0)
    done: bool = bit(4)
    word: u8 = bits(8, 15)
    data: u16 = bits(16, 31)


class E1000NvmRead(BitStruct, repr=u32):
    """EERD of the 82574 (10.2.2.4)."""

    start: bool = bit(0)
    done: bool = bit(1)
    word: u16 = bits(2, 15)
    data: u16 = bits(16, 31)


class E1000ExtendedControl(BitStruct, repr=u32):
    """CTRL_EXT (8254x 13.4.5; 82574 10.2.2.5)."""

    eeprom_reset: bool = bit(13)
    pll_off: bool = bit(22)  # 82574: to be set, and the next one clear (Linux: e1000_initialize_hw_bits_82571)
    asserted_mask: bool = bit(23)
    interrupt_acknowledge: bool = bit(27)  # 82574: reading ICR masks what IAM says
    driver_loaded: bool = bit(28)  # 82574: firmware leaves the card to us
    msix_clears: bool = bit(31)


class E1000PhyOperation(HwEnum, repr=u8):
    """What MDIC does."""

    NONE = 0
    WRITE = 1
    READ = 2
    RESERVED = 3


class E1000Mdic(BitStruct, repr=u32):
    """MDIC (8254x 13.4.9; 82574 10.2.2.7): registers of the PHY."""

    data: u16 = bits(0, 15)
    register: u8 = bits(16, 20)
    phy: u8 = bits(21, 25)  # 1
    operation: E1000PhyOperation = bits(26, 27)
    ready: bool = bit(28)
    interrupt: bool = bit(29)
    error: bool = bit(30)


class E1000PhyControl(BitStruct, repr=u16):
    """Register 0 of every PHY (IEEE 802.3, 22.2.4.1)."""

    restart: bool = bit(9)  # negotiation
    powered_down: bool = bit(11)
    negotiate: bool = bit(12)
    loopback: bool = bit(14)
    reset: bool = bit(15)


class E1000Cause(BitStruct, repr=u32):
    """ICR, ICS, IMS and IMC (8254x 13.4.17; 82574 10.2.4.1)."""

    sent: bool = bit(0)  # a descriptor with `report` is done
    send_queue_empty: bool = bit(1)
    link_changed: bool = bit(2)
    sequence_error: bool = bit(3)
    receive_low: bool = bit(4)
    overrun: bool = bit(6)
    received: bool = bit(7)
    phy_done: bool = bit(9)
    other: bool = bit(24)  # 82574
    asserted: bool = bit(31)  # 82574: the card interrupts


class E1000ReceiveControl(BitStruct, repr=u32):
    """RCTL (8254x 13.4.22; 82574 10.2.5.1)."""

    enabled: bool = bit(1)
    store_bad: bool = bit(2)
    all_unicast: bool = bit(3)
    all_multicast: bool = bit(4)
    long_frames: bool = bit(5)  # else those above 1522 bytes are discarded
    loopback: u8 = bits(6, 7)
    low_mark: u8 = bits(8, 9)
    descriptor_kind: u8 = bits(10, 11)
    hash_bits: u8 = bits(12, 13)
    broadcast: bool = bit(15)
    buffer_size: u8 = bits(16, 17)  # 0: 2048 bytes
    vlan_filter: bool = bit(18)
    discard_pause: bool = bit(22)
    pass_control: bool = bit(23)
    sizes_times_16: bool = bit(25)
    strip_checksum: bool = bit(26)  # the four bytes at the end


class E1000TransmitControl(BitStruct, repr=u32):
    """TCTL (8254x 13.4.33; 82574 10.2.6.1)."""

    enabled: bool = bit(1)
    pad: bool = bit(3)
    collision_threshold: u8 = bits(4, 11)
    collision_distance: u16 = bits(12, 21)
    retransmit_late: bool = bit(24)


class E1000Gap(BitStruct, repr=u32):
    """TIPG (8254x 13.4.34): between frames."""

    gap: u16 = bits(0, 9)
    part_1: u16 = bits(10, 19)
    part_2: u16 = bits(20, 29)


class E1000TransmitThresholds(BitStruct, repr=u32):
    """TXDCTL (8254x 13.4.42; 82574 10.2.6.7)."""

    prefetch: u8 = bits(0, 5)
    host: u8 = bits(8, 13)
    write_back: u8 = bits(16, 21)
    count: bool = bit(22)  # 82574: to be set
    descriptors: bool = bit(24)  # thresholds count descriptors, not cache lines


class E1000ReceiveChecksum(BitStruct, repr=u32):
    """RXCSUM (8254x 13.4.32; 82574 10.2.5.15)."""

    start: u8 = bits(0, 7)
    ip: bool = bit(8)
    tcp_udp: bool = bit(9)
    no_packet_checksum: bool = bit(13)  # 82574


class E1000AddressHigh(BitStruct, repr=u32):
    """RAH (8254x 13.5.3)."""

    bytes: u16 = bits(0, 15)
    valid: bool = bit(31)


class E1000Management(BitStruct, repr=u32):
    """MANC (8254x, of cards with management)."""

    answers_arp: bool = bit(13)


class E1000NvmOwner(BitStruct, repr=u32):
    """EXTCNF_CTRL (82574 10.2.2.11)."""

    software: bool = bit(5)  # we have the PHY's registers; reads as set when we have got them
