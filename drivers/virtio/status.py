"""What every virtio device and driver agree on first: types, status and features (virtio 1.2, chapters 2, 5 and 6)."""

from __future__ import annotations

from codegen.lang import BitStruct, HwEnum, bit, u8, u32


class DeviceType(HwEnum, repr=u32):
    """Chapter 5."""

    NETWORK = 1
    BLOCK = 2
    CONSOLE = 3
    ENTROPY = 4
    BALLOON = 5


class DeviceStatus(BitStruct, repr=u8):
    """2.1: how far the driver is; writing 0 resets the device."""

    acknowledge: bool = bit(0)
    driver: bool = bit(1)
    driver_ok: bool = bit(2)
    features_ok: bool = bit(3)
    needs_reset: bool = bit(6)  # set by the device: it can go on only after a reset
    failed: bool = bit(7)  # set by the driver: it has given up


# Feature bits of every device (chapter 6); those below 24 are each type's own.
INDIRECT_DESCRIPTORS = 1 << 28
EVENT_INDEX = 1 << 29
VERSION_1 = 1 << 32
ACCESS_PLATFORM = 1 << 33  # the device's addresses go through the platform's IOMMU
