"""Registers of an AHCI controller (Serial ATA AHCI 1.3.1, chapter 3)."""

from __future__ import annotations

from codegen.lang import RO, BitStruct, HwEnum, MmioBlock, Reg, at, bit, bits, u8, u16, u32

AHCI_CLASS = 0x0106
AHCI_BAR = 5
PORTS_OFFSET = 0x100
PORT_BYTES = 0x80
PORTS_MAX = 32


class AhciCapability(BitStruct, repr=u32):
    """CAP (3.1.1)."""

    last_port: u8 = bits(0, 4)
    last_slot: u8 = bits(8, 12)
    staggered: bool = bit(27)  # disks spin up when they are told to
    queues: bool = bit(30)  # NCQ
    wide: bool = bit(31)  # 64-bit addresses


class AhciControl(BitStruct, repr=u32):
    """GHC (3.1.2)."""

    reset: bool = bit(0)
    interrupts: bool = bit(1)
    ahci: bool = bit(31)


class AhciCapability2(BitStruct, repr=u32):
    """CAP2 (3.1.10)."""

    handoff: bool = bit(0)


class AhciHandoff(BitStruct, repr=u32):
    """BOHC (3.1.11)."""

    bios_owned: bool = bit(0)
    os_owned: bool = bit(1)
    bios_busy: bool = bit(4)


class AhciRegisters(MmioBlock, size=PORTS_OFFSET):
    """Of the controller as a whole (3.1)."""

    capability: Reg[AhciCapability] = at(0x00)
    control: Reg[AhciControl] = at(0x04)
    interrupts: Reg[u32] = at(0x08)  # a bit for each port; written ones clear
    ports: Reg[u32] = at(0x0C)  # that exist
    version: Reg[u32] = at(0x10, access=RO)
    capability2: Reg[AhciCapability2] = at(0x24, access=RO)
    handoff: Reg[AhciHandoff] = at(0x28)


class PortInterrupt(BitStruct, repr=u32):
    """PxIS and PxIE (3.3.5, 3.3.6). Written ones clear, but `connection` and `link`, which are PxSERR's."""

    registers_fis: bool = bit(0)
    pio_setup: bool = bit(1)
    dma_setup: bool = bit(2)
    set_bits: bool = bit(3)  # a set device bits FIS: queued commands have ended
    connection: bool = bit(6)
    link: bool = bit(22)  # it has come or gone
    overflow: bool = bit(24)
    interface_lesser: bool = bit(26)  # an error that the controller has mended
    interface: bool = bit(27)
    bus_data: bool = bit(28)
    bus: bool = bit(29)
    task_file: bool = bit(30)  # the disk reports an error


class PortCommand(BitStruct, repr=u32):
    """PxCMD (3.3.7)."""

    start: bool = bit(0)  # it may change only as long as the rules of 10.3.1 hold
    spin_up: bool = bit(1)
    power: bool = bit(2)
    receive: bool = bit(4)
    receiving: bool = bit(14)
    running: bool = bit(15)
    cold_presence: bool = bit(20)
    state: u8 = bits(28, 31)  # of the link: 1 makes it active


class PortTaskFile(BitStruct, repr=u32):
    """PxTFD (3.3.8)."""

    status: u8 = bits(0, 7)  # AtaStatus
    error: u8 = bits(8, 15)  # AtaError


class LinkState(HwEnum, repr=u8):
    """SStatus.DET and SControl.DET (3.3.10, 3.3.11): what can be asked for, and what is there."""

    NONE = 0  # no disk; of the control: nothing is asked for
    RESET = 1  # of the control: reset the link; of the status: a disk, but no communication yet
    UP = 3
    OFF = 4


class PortLink(BitStruct, repr=u32):
    """PxSSTS (3.3.10)."""

    detection: u8 = bits(0, 3)  # LinkState, if it is a sane device
    speed: u8 = bits(4, 7)
    power: u8 = bits(8, 11)


class PortLinkControl(BitStruct, repr=u32):
    """PxSCTL (3.3.11)."""

    detection: LinkState = bits(0, 3)
    speed: u8 = bits(4, 7)
    no_power_states: u8 = bits(8, 11)  # 3: neither partial nor slumber


class PortErrors(BitStruct, repr=u32):
    """PxSERR (3.3.12). Written ones clear."""

    errors: u16 = bits(0, 15)
    link_changed: bool = bit(16)
    crc: bool = bit(21)
    exchanged: bool = bit(26)


class PortRegisters(MmioBlock, size=PORT_BYTES):
    """Of one port (3.3)."""

    list_low: Reg[u32] = at(0x00)
    list_high: Reg[u32] = at(0x04)
    received_low: Reg[u32] = at(0x08)
    received_high: Reg[u32] = at(0x0C)
    interrupts: Reg[PortInterrupt] = at(0x10)
    enabled: Reg[PortInterrupt] = at(0x14)
    command: Reg[PortCommand] = at(0x18)
    task_file: Reg[PortTaskFile] = at(0x20, access=RO)
    signature: Reg[u32] = at(0x24, access=RO)
    link: Reg[PortLink] = at(0x28, access=RO)
    link_control: Reg[PortLinkControl] = at(0x2C)
    errors: Reg[PortErrors] = at(0x30)
    active: Reg[u32] = at(0x34)  # queued commands; only ones can be written
    issued: Reg[u32] = at(0x38)  # commands; only ones can be written


SIGNATURE_DISK = 0x0000_0101
