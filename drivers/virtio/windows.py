"""Where a virtio function's registers are (virtio 1.2, 4.1.4), as its capabilities say. None of that is believed: a
window lies in a usable BAR in memory, as a whole and aligned, or it does not count."""

from __future__ import annotations

from codegen.lang import Field, Hpa, Struct, fn, min, range, sizeof, u32, u64
from drivers.pci.capabilities import STEPS_MAX, pci_capability
from drivers.pci.config import pci_read8, pci_read32
from drivers.pci.functions import BARS_MAX, BarKind, PciFunction
from drivers.pci.header import CapabilityId
from drivers.virtio.pci import (
    FIRST_DEVICE,
    NOTIFY_MULTIPLIER,
    TRANSITIONAL_BLOCK,
    TRANSITIONAL_NETWORK,
    VENDOR,
    VirtioCapability,
    VirtioCommon,
    WindowKind,
)
from drivers.virtio.status import DeviceType

CONFIG_END = 256
DEVICE_BYTES = 4096  # of the DEVICE window that are used
COMMON_BYTES = VirtioCommon.used_high.offset + 4


class VirtioWindows(Struct):
    """Physical addresses, 0 where there is none; what is behind them is in one BAR."""

    common: Field[Hpa]
    notify: Field[Hpa]
    notify_bytes: Field[u64]
    notify_stride: Field[u32]  # bytes between the registers of two queues, an even number
    device: Field[Hpa]
    device_bytes: Field[u32]  # at most a page


@fn(cold=True)
def virtio_is(function: PciFunction, type: DeviceType) -> bool:
    """Whether it is a virtio device of this type, by its ID: a modern one, or one that has both interfaces."""
    if function.vendor != VENDOR:
        return False
    device = u32(function.device)
    if device == FIRST_DEVICE + u32(type):
        return True
    match type:
        case DeviceType.NETWORK:
            return device == TRANSITIONAL_NETWORK
        case DeviceType.BLOCK:
            return device == TRANSITIONAL_BLOCK
        case _:
            return False


@fn(cold=True)
def windows_of(windows: VirtioWindows, function: PciFunction) -> bool:
    """Fill them in: of each kind the first that can be used. False without those for all devices (common, notify)."""
    windows.zero()
    at = pci_capability(function.place, function.capabilities, CapabilityId.VENDOR)
    for _ in range(u32(STEPS_MAX)):
        if at == 0 or u32(at) + sizeof(VirtioCapability) > CONFIG_END:
            break
        add_window(windows, function, u32(at))
        next = pci_read8(function.place, u32(at) + VirtioCapability.next.offset)
        at = pci_capability(function.place, next, CapabilityId.VENDOR)
    return windows.common != Hpa(0) and windows.notify != Hpa(0)


@fn(cold=True)
def add_window(windows: VirtioWindows, function: PciFunction, at: u32) -> None:
    """The one of the capability at this register, if it is new and can be used."""
    place = function.place
    kind = WindowKind.find(pci_read8(place, at + VirtioCapability.kind.offset))
    if kind is None:
        return
    length = u64(pci_read32(place, at + VirtioCapability.length.offset))
    base = window_base(function, at, length)
    if base is None:
        return
    match kind:
        case WindowKind.COMMON:
            if windows.common == Hpa(0) and length >= COMMON_BYTES and is_aligned(base, u64(4)):
                windows.common = base
        case WindowKind.NOTIFY:
            if windows.notify != Hpa(0) or not is_aligned(base, u64(2)) or at + NOTIFY_MULTIPLIER + 4 > CONFIG_END:
                return
            stride = pci_read32(place, at + NOTIFY_MULTIPLIER)
            if pci_read8(place, at + VirtioCapability.bytes.offset) >= NOTIFY_MULTIPLIER + 4 and stride & 1 == 0:
                windows.notify = base
                windows.notify_bytes = length
                windows.notify_stride = stride
        case WindowKind.DEVICE:
            if windows.device == Hpa(0) and is_aligned(base, u64(4)):
                windows.device = base
                windows.device_bytes = u32(min(length, u64(DEVICE_BYTES)))
        case _:
            return


@fn(cold=True)
def window_base(function: PciFunction, at: u32, length: u64) -> Hpa | None:
    """Where the window of the capability at this register begins; None when it is not in a BAR of memory."""
    number = pci_read8(function.place, at + VirtioCapability.bar.offset)
    offset = u64(pci_read32(function.place, at + VirtioCapability.offset.offset))
    if pci_read8(function.place, at + VirtioCapability.bytes.offset) < sizeof(VirtioCapability) or number >= BARS_MAX:
        return None
    bar = function.bars[number]
    if bar.kind != BarKind.MEMORY or not bar.is_usable():
        return None
    if length == 0 or length > bar.size or offset > bar.size - length:
        return None
    return Hpa(bar.address) + offset


@fn(cold=True)
def is_aligned(base: Hpa, to: u64) -> bool:
    return u64(base) & (to - 1) == 0
