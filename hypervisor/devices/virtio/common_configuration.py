"""The common configuration (virtio 1.2, 4.1.4.3): what a driver sets a device up with."""

from __future__ import annotations

from codegen.lang import Gpa, fn, u8, u32, u64
from drivers.virtio.pci import NO_VECTOR, VirtioCommon
from drivers.virtio.status import VERSION_1, DeviceStatus
from hypervisor.devices.pci.function import PciFunction
from hypervisor.devices.virtio.device import (
    QUEUES,
    VirtioDevice,
    device_ask_restart,
    device_fail,
)
from hypervisor.devices.virtio.layout import VECTORS
from hypervisor.devices.virtio.net_state import net_listen
from hypervisor.devices.virtio.queue import QUEUE_SIZE, Virtqueue, queue_can_start


@fn(cold=True)
def common_read(device: VirtioDevice, offset: u32) -> u32:
    """The dword at `offset`, a multiple of 4."""
    match offset:
        case VirtioCommon.device_feature_select.offset:
            return device.offered_select
        case VirtioCommon.device_feature.offset:
            return half(device.offered, device.offered_select)
        case VirtioCommon.driver_feature_select.offset:
            return device.accepted_select
        case VirtioCommon.driver_feature.offset:
            return half(device.accepted, device.accepted_select)
        case VirtioCommon.configuration_vector.offset:
            return device.configuration_vector | device.queue_count << 16
        case VirtioCommon.status.offset:
            return u32(u8(device.status)) | device.queue_select << 16
        case _:
            return queue_read(device, offset)


@fn(cold=True)
def queue_read(device: VirtioDevice, offset: u32) -> u32:
    """The part that is the selected queue's; a queue that does not exist has size 0 (4.1.4.3)."""
    queue = selected(device)
    if queue is None:
        return u32(0)
    match offset:
        case VirtioCommon.queue_size.offset:
            return queue.size | queue.vector << 16
        case VirtioCommon.queue_enable.offset:
            return (u32(1) if queue.enabled else u32(0)) | device.queue_select << 16
        case VirtioCommon.descriptors_low.offset:
            return half(u64(queue.descriptors), u32(0))
        case VirtioCommon.descriptors_high.offset:
            return half(u64(queue.descriptors), u32(1))
        case VirtioCommon.available_low.offset:
            return half(u64(queue.available), u32(0))
        case VirtioCommon.available_high.offset:
            return half(u64(queue.available), u32(1))
        case VirtioCommon.used_low.offset:
            return half(u64(queue.used), u32(0))
        case VirtioCommon.used_high.offset:
            return half(u64(queue.used), u32(1))
        case _:
            return u32(0)


@fn(cold=True)
def common_write(device: VirtioDevice, function: PciFunction, offset: u32, value: u32) -> None:
    """The register that begins at `offset`, with its own width; others ignore it."""
    match offset:
        case VirtioCommon.device_feature_select.offset:
            device.offered_select = value
        case VirtioCommon.driver_feature_select.offset:
            device.accepted_select = value
        case VirtioCommon.driver_feature.offset:
            if not device.status.features_ok:
                device.accepted = with_half(device.accepted, device.accepted_select, value)
        case VirtioCommon.configuration_vector.offset:
            device.configuration_vector = vector_of(value)
        case VirtioCommon.status.offset:
            set_status(device, value & 0xFF)
        case VirtioCommon.queue_select.offset:
            device.queue_select = value & 0xFFFF
        case VirtioCommon.queue_vector.offset:
            queue = selected(device)
            if queue is not None:
                queue.vector = vector_of(value)
        case _:
            queue_write(device, function, offset, value)


@fn(cold=True)
def queue_write(device: VirtioDevice, function: PciFunction, offset: u32, value: u32) -> None:
    """What can be set of the selected queue before it is enabled."""
    queue = selected(device)
    if queue is None or queue.enabled:
        return
    match offset:
        case VirtioCommon.queue_size.offset:
            size = value & 0xFFFF
            if size != 0 and size <= QUEUE_SIZE and size & (size - 1) == 0:
                queue.size = size
        case VirtioCommon.queue_enable.offset:
            if value & 0xFFFF == 1:
                queue.enabled = queue_can_start(queue)
                if not queue.enabled:
                    device_fail(device, function)
        case VirtioCommon.descriptors_low.offset:
            queue.descriptors = Gpa(with_half(u64(queue.descriptors), u32(0), value))
        case VirtioCommon.descriptors_high.offset:
            queue.descriptors = Gpa(with_half(u64(queue.descriptors), u32(1), value))
        case VirtioCommon.available_low.offset:
            queue.available = Gpa(with_half(u64(queue.available), u32(0), value))
        case VirtioCommon.available_high.offset:
            queue.available = Gpa(with_half(u64(queue.available), u32(1), value))
        case VirtioCommon.used_low.offset:
            queue.used = Gpa(with_half(u64(queue.used), u32(0), value))
        case VirtioCommon.used_high.offset:
            queue.used = Gpa(with_half(u64(queue.used), u32(1), value))
        case _:
            return


@fn(cold=True)
def set_status(device: VirtioDevice, value: u32) -> None:
    """0 resets. FEATURES_OK stays only if what the driver took up was offered, and it knows version 1 (3.1.1)."""
    if value == 0:
        device_ask_restart(device)
    if value == 0 or device.resetting:
        return
    wanted = DeviceStatus.of(u8.trunc(value))
    sound = device.accepted & ~device.offered == 0 and device.accepted & VERSION_1 != 0
    device.status = wanted.replace(features_ok=wanted.features_ok and sound, needs_reset=device.status.needs_reset)
    if device.status.driver_ok and device.status.features_ok and not device.status.needs_reset:
        net_listen(device.net)


@fn(cold=True)
def selected(device: VirtioDevice) -> Virtqueue | None:
    """The queue that is selected, if the device has it."""
    number = device.queue_select
    return device.queues[number & (QUEUES - 1)] if number < device.queue_count else None


@fn(cold=True)
def vector_of(value: u32) -> u32:
    """A vector that exists, else none (4.1.5.1.2)."""
    return value & 0xFFFF if value & 0xFFFF < VECTORS else u32(NO_VECTOR)


@fn(cold=True)
def half(value: u64, number: u32) -> u32:
    """Its low half, its high half, or 0."""
    if number > 1:
        return u32(0)
    return u32.trunc(value >> (number * 32))


@fn(cold=True)
def with_half(value: u64, number: u32, part: u32) -> u64:
    """With another low or high half."""
    if number == 0:
        return value & ~0xFFFF_FFFF | u64(part)
    return value & 0xFFFF_FFFF | u64(part) << 32 if number == 1 else value
