"""A virtio function's window in memory: common configuration, ISR, the type's own configuration, notify, MSI-X."""

from __future__ import annotations

from codegen.lang import Field, Local, Span, Struct, at, fn, span_of, u32, u64, usize
from drivers.virtio.block import BlockConfiguration
from drivers.virtio.net import VirtioNetConfiguration
from hypervisor.devices.pci.function import PciFunction
from hypervisor.devices.pci.kinds import FunctionKind
from hypervisor.devices.virtio.block import block_configuration
from hypervisor.devices.virtio.common_configuration import common_read, common_write
from hypervisor.devices.virtio.device import VirtioDevice
from hypervisor.devices.virtio.layout import (
    COMMON_BYTES,
    CONFIGURATION_AT,
    CONFIGURATION_BYTES,
    ISR_AT,
    NOTIFY_AT,
    NOTIFY_STRIDE,
    PENDING_AT,
    TABLE_AT,
)
from hypervisor.devices.virtio.msix import msix_read, msix_write
from hypervisor.devices.virtio.net import net_configuration


class Dword(Struct, size=4, align=4):
    """Of a configuration."""

    value: Field[u32] = at(0)


@fn(cold=True)
def window_read(device: VirtioDevice, function: PciFunction, offset: u32, width: u32) -> u64:
    """`width` 1, 2, 4 or 8 bytes at `offset` inside of the window; only those of the result count."""
    low = u64(window_dword(device, function, offset & ~3)) >> u64(offset & 3) * 8
    return low if width != 8 else low | u64(window_dword(device, function, (offset & ~3) + 4)) << 32


@fn(cold=True)
def window_dword(device: VirtioDevice, function: PciFunction, offset: u32) -> u32:
    """The dword at `offset`, a multiple of 4 inside of the window. The byte at ISR_AT is cleared by reading."""
    if offset < COMMON_BYTES:
        return common_read(device, offset)
    if offset == ISR_AT:
        causes = device.isr
        device.isr = 0
        return causes
    if offset >= TABLE_AT:
        return device.vectors.pending if offset == PENDING_AT else msix_read(device.vectors, offset - TABLE_AT)
    if offset >= CONFIGURATION_AT and offset < CONFIGURATION_AT + CONFIGURATION_BYTES:
        return configuration_dword(device, function, offset - CONFIGURATION_AT)
    return u32(0)


@fn(cold=True)
def configuration_dword(device: VirtioDevice, function: PciFunction, offset: u32) -> u32:
    """Of what belongs to the device's type; 0 behind its end."""
    if function.kind == FunctionKind.NETWORK:
        network = Local(VirtioNetConfiguration)
        net_configuration(device, network)
        return dword_at(span_of(network), offset)
    config = Local(BlockConfiguration)
    if function.kind != FunctionKind.BLOCK:
        return u32(0)
    block_configuration(device.disk, config)
    return dword_at(span_of(config), offset)


@fn(cold=True)
def dword_at(configuration: Span, offset: u32) -> u32:
    """0 behind its end."""
    dword = configuration.view(usize(offset), Dword)
    return u32(0) if dword is None else dword.value


@fn
def window_write(device: VirtioDevice, function: PciFunction, offset: u32, width: u32, value: u64) -> None:
    """`width` 1, 2, 4 or 8 bytes at `offset` inside of the window."""
    if offset >= NOTIFY_AT and offset < TABLE_AT:
        queue = (offset - NOTIFY_AT) // NOTIFY_STRIDE
        if queue < device.queue_count:
            device.kicked = device.kicked | u32(1) << (queue & 31)
        return
    write_register(device, function, offset, u32.trunc(value))
    if width == 8:
        write_register(device, function, offset + 4, u32.trunc(value >> 32))


@fn(cold=True)
def write_register(device: VirtioDevice, function: PciFunction, offset: u32, value: u32) -> None:
    """Anything but a notification."""
    if offset >= TABLE_AT:
        if offset & 3 == 0:
            msix_write(device.vectors, offset - TABLE_AT, value)
    elif offset < COMMON_BYTES:
        common_write(device, function, offset, value)
