"""What configuration spaces read after reset, and which of their bits software can change: made at build time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from codegen.lang import HwEnum, Local, sizeof, span_of, u8, u16, u32
from drivers.pci.header import CAPABILITY_MSIX, CAPABILITY_VENDOR, PciCommand, PciStatus, Type0Header
from drivers.pci.msix import MsixCapability, MsixControl
from drivers.virtio.pci import FIRST_DEVICE, NOTIFY_MULTIPLIER, VENDOR, WINDOW_DATA, VirtioCapability, WindowKind
from drivers.virtio.status import DeviceType
from hypervisor.devices.pci.window import (
    COMMON_AT,
    COMMON_BYTES,
    CONFIGURATION_AT,
    CONFIGURATION_BYTES,
    ISR_AT,
    NOTIFY_AT,
    NOTIFY_STRIDE,
    PENDING_AT,
    TABLE_AT,
    VECTORS,
    WINDOW_BYTES,
)
from hypervisor.layout_bytes import bytes_of

CONFIG_BYTES = 256
CONFIG_WORDS = CONFIG_BYTES // 4
FIRST_CAPABILITY = 0x40
COMMAND_WRITABLE = PciCommand(io=True, memory=True, bus_master=True, no_intx=True)


class FunctionKind(HwEnum, repr=u32):
    """What stands in a slot."""

    NONE = 0
    HOST_BRIDGE = 1
    BLOCK = 2
    ENTROPY = 3


@dataclass(frozen=True)
class ConfigImage:
    """256 bytes each; a set bit of `writable` can be changed."""

    content: bytes
    writable: bytes


def host_bridge() -> ConfigImage:
    """Intel 440FX, revision 2, as the board is a PC of that family. Its own registers, from 40h on, are kept and have
    no effect."""
    header = Local(Type0Header)
    header.vendor, header.device, header.revision, header.base_class = 0x8086, 0x1237, 2, 6
    content = bytes_of(span_of(header)).ljust(CONFIG_BYTES, b"\0")
    return ConfigImage(content, bytes(sizeof(Type0Header)) + b"\xff" * (CONFIG_BYTES - sizeof(Type0Header)))


def virtio(kind: DeviceType, base_class: int, subclass: int) -> ConfigImage:
    """A virtio device without the legacy interface: one window (window.py), an INTx pin, MSI-X. Its window's address
    and its interrupt line are the slot's."""
    header = Local(Type0Header)
    header.vendor, header.device = VENDOR, FIRST_DEVICE + int(u32(kind))
    header.revision, header.base_class, header.subclass = 1, base_class, subclass
    header.subsystem_vendor, header.subsystem = VENDOR, FIRST_DEVICE + int(u32(kind))
    header.status = PciStatus(capabilities=True)
    header.capabilities, header.interrupt_pin = FIRST_CAPABILITY, 1
    writable = Local(Type0Header)
    writable.command, writable.interrupt_line = COMMAND_WRITABLE, 0xFF
    writable.bars[0] = -WINDOW_BYTES & 0xFFFF_FFFF
    content, mask = bytes_of(span_of(header)), bytes_of(span_of(writable))
    for capability, changes in virtio_capabilities():
        content += capability
        mask += changes
    return ConfigImage(content.ljust(CONFIG_BYTES, b"\0"), mask.ljust(CONFIG_BYTES, b"\0"))


def virtio_capabilities() -> Iterable[tuple[bytes, bytes]]:
    """Each with the bits of it that software can change; the last one ends the list."""
    yield msix_capability(MSIX_AT + sizeof(MsixCapability))
    place = MSIX_AT + sizeof(MsixCapability)
    for window, offset, length, extra in (
        (WindowKind.COMMON, COMMON_AT, COMMON_BYTES, b""),
        (WindowKind.ISR, ISR_AT, 1, b""),
        (WindowKind.DEVICE, CONFIGURATION_AT, CONFIGURATION_BYTES, b""),
        (WindowKind.NOTIFY, NOTIFY_AT, TABLE_AT - NOTIFY_AT, NOTIFY_STRIDE.to_bytes(4, "little")),
    ):
        size = sizeof(VirtioCapability) + len(extra)
        place += size
        yield virtio_capability(window, place, size, offset, length) + extra, bytes(size)
    assert place == WINDOW_CAPABILITY_AT
    changes = Local(VirtioCapability)
    changes.bar, changes.offset, changes.length = 0xFF, 0xFFFF_FFFF, 0xFFFF_FFFF
    size = WINDOW_DATA + 4
    yield virtio_capability(WindowKind.CONFIGURATION, 0, size, 0, 0) + bytes(4), bytes_of(span_of(changes)) + bytes(4)


def msix_capability(following: int) -> tuple[bytes, bytes]:
    """With its table and pending bits in the same window."""
    capability, changes = Local(MsixCapability), Local(MsixCapability)
    capability.id, capability.next = CAPABILITY_MSIX, following
    capability.control = MsixControl(last=u16(VECTORS - 1))
    capability.table, capability.pending = TABLE_AT, PENDING_AT
    changes.control = MsixControl(masked=True, enabled=True)
    return bytes_of(span_of(capability)), bytes_of(span_of(changes))


def virtio_capability(window: WindowKind, following: int, size: int, offset: int, length: int) -> bytes:
    """One that says where in BAR 0 something is."""
    capability = Local(VirtioCapability)
    capability.id, capability.next, capability.bytes = CAPABILITY_VENDOR, following, size
    capability.kind, capability.offset, capability.length = u8(window), offset, length
    return bytes_of(span_of(capability))


MSIX_AT = FIRST_CAPABILITY
WINDOW_CAPABILITY_AT = MSIX_AT + sizeof(MsixCapability) + 4 * sizeof(VirtioCapability) + NOTIFY_MULTIPLIER // 4
IMAGES = {
    FunctionKind.NONE: ConfigImage(bytes(CONFIG_BYTES), bytes(CONFIG_BYTES)),
    FunctionKind.HOST_BRIDGE: host_bridge(),
    FunctionKind.BLOCK: virtio(DeviceType.BLOCK, 0x01, 0x80),
    FunctionKind.ENTROPY: virtio(DeviceType.ENTROPY, 0x10, 0x80),
}
