"""virtio over PCI (virtio 1.2, 4.1): capabilities that say where a device's registers are, and these registers."""

from __future__ import annotations

from codegen.lang import RO, WO, Field, HwEnum, MmioBlock, Reg, RegArray, Struct, at, u8, u16, u32

VENDOR = 0x1AF4
FIRST_DEVICE = 0x1040  # plus the device's type (4.1.2.1)
TRANSITIONAL_NETWORK, TRANSITIONAL_BLOCK = 0x1000, 0x1001  # with the legacy interface beside (4.1.2.1)
NO_VECTOR = 0xFFFF  # of MSI-X: none
ISR_QUEUE, ISR_CONFIGURATION = 1, 2  # 4.1.4.5: cleared by reading


class WindowKind(HwEnum, repr=u8):
    """What a capability points to (4.1.4)."""

    COMMON = 1
    NOTIFY = 2
    ISR = 3
    DEVICE = 4
    CONFIGURATION = 5  # access through configuration space


class VirtioCapability(Struct, size=16, align=4):
    """struct virtio_pci_cap; vendor-specific (ID 09h)."""

    id: Field[u8] = at(0)
    next: Field[u8] = at(1)
    bytes: Field[u8] = at(2)  # of the capability
    kind: Field[u8] = at(3)  # WindowKind
    bar: Field[u8] = at(4)
    offset: Field[u32] = at(8)  # in the BAR
    length: Field[u32] = at(12)


NOTIFY_MULTIPLIER = 16  # offset of a dword behind a NOTIFY capability: bytes between two queues' registers
WINDOW_DATA = 16  # and behind a CONFIGURATION capability: the data, of `length` bytes


class VirtioCommon(MmioBlock, size=0x40):
    """struct virtio_pci_common_cfg (4.1.4.3). Drivers access 64-bit fields as two halves."""

    device_feature_select: Reg[u32] = at(0)
    device_feature: Reg[u32] = at(4, access=RO)
    driver_feature_select: Reg[u32] = at(8)
    driver_feature: Reg[u32] = at(12)
    configuration_vector: Reg[u16] = at(16)
    queue_count: Reg[u16] = at(18, access=RO)
    status: Reg[u8] = at(20)
    generation: Reg[u8] = at(21, access=RO)
    queue_select: Reg[u16] = at(22)
    queue_size: Reg[u16] = at(24)
    queue_vector: Reg[u16] = at(26)
    queue_enable: Reg[u16] = at(28)
    queue_notify_offset: Reg[u16] = at(30, access=RO)
    descriptors_low: Reg[u32] = at(32)
    descriptors_high: Reg[u32] = at(36)
    available_low: Reg[u32] = at(40)
    available_high: Reg[u32] = at(44)
    used_low: Reg[u32] = at(48)
    used_high: Reg[u32] = at(52)


class VirtioNotify(MmioBlock, size=2):
    """One queue's place in the NOTIFY window (4.1.4.4): writing the queue's number tells the device of new chains."""

    queue: Reg[u16] = at(0, access=WO)


class VirtioDevice32(MmioBlock, size=0x1000):
    """The DEVICE window, which each type of device fills in its own way, by width (4.1.4.6)."""

    cell: RegArray[u32] = at(0, count=0x400, access=RO)


class VirtioDevice16(MmioBlock, size=0x1000):
    cell: RegArray[u16] = at(0, count=0x800, access=RO)


class VirtioDevice8(MmioBlock, size=0x1000):
    cell: RegArray[u8] = at(0, count=0x1000, access=RO)
