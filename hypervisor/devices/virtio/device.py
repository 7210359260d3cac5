"""What all virtio devices of a guest are: status and features, queues, interrupts (virtio 1.2, chapter 2)."""

from __future__ import annotations

from codegen.lang import Array, Field, Struct, count, fn, range, u32, u64
from drivers.virtio.pci import ISR_CONFIGURATION, ISR_QUEUE, NO_VECTOR
from drivers.virtio.status import DeviceStatus
from hypervisor.devices.pci.function import PciFunction, function_command, function_msix
from hypervisor.devices.virtio.disk import GuestDisk
from hypervisor.devices.virtio.layout import VECTORS
from hypervisor.devices.virtio.msix import MsixTable, msix_reset
from hypervisor.devices.virtio.net_state import NetState, net_restart
from hypervisor.devices.virtio.queue import QUEUE_SIZE, Virtqueue

QUEUES = 8


class VirtioDevice(Struct):
    """`offered`, `queue_count`, `disk` and the port of `net` are the device's for the VM's life."""

    offered: Field[u64]  # features
    accepted: Field[u64]
    queue_count: Field[u32]  # at most QUEUES
    status: Field[DeviceStatus]
    isr: Field[u32]  # ISR_QUEUE, ISR_CONFIGURATION
    offered_select: Field[u32]
    accepted_select: Field[u32]
    configuration_vector: Field[u32]
    queue_select: Field[u32]
    kicked: Field[u32]  # bit n: queue n may hold something new
    queues: Array[Virtqueue] = count(QUEUES)
    vectors: MsixTable
    disk: GuestDisk  # of a block device
    net: NetState  # of a network device
    current: Field[u32]  # the queue that is being worked on
    done: Field[u64]  # bytes of its chain that are done
    resetting: Field[bool]  # as soon as no request is under way any more


@fn(cold=True)
def device_reset(device: VirtioDevice) -> None:
    """After RST#."""
    msix_reset(device.vectors)
    device_restart(device)


@fn(cold=True)
def device_restart(device: VirtioDevice) -> None:
    """What the driver does by writing status 0 (2.1, 4.1.4.3.1); the MSI-X table stays. Nothing is under way."""
    device.status = DeviceStatus()
    device.accepted = 0
    device.isr = 0
    device.offered_select = 0
    device.accepted_select = 0
    device.configuration_vector = NO_VECTOR
    device.queue_select = 0
    device.kicked = 0
    device.current = 0
    device.done = 0
    device.resetting = False
    device.vectors.pending = 0
    net_restart(device.net)
    for i in range(u32(QUEUES)):
        queue = device.queues[i]
        queue.zero()
        queue.size = QUEUE_SIZE
        queue.vector = NO_VECTOR


@fn(cold=True)
def device_ask_restart(device: VirtioDevice) -> None:
    """The driver wants that: at once, or when the disk of the machine has ended what it does in the guest's memory.
    Until then the status does not read 0, for which drivers wait (4.1.4.3.2)."""
    device.kicked = 0
    device.resetting = device.disk.machine.busy != 0
    if not device.resetting:
        device_restart(device)


@fn
def device_waits(device: VirtioDevice) -> bool:
    """Whether it has something to do now."""
    machine = device.disk.machine
    return device.kicked != 0 and not machine.stalled or machine.finished.load() != 0


@fn
def device_runs(device: VirtioDevice, function: PciFunction) -> bool:
    """Whether it may touch its queues: the driver is through with its set-up and lets it be bus master."""
    status = device.status
    ready = status.features_ok and status.driver_ok and not status.needs_reset
    return ready and not device.resetting and function_command(function).bus_master


@fn
def device_accepted(device: VirtioDevice, features: u64) -> bool:
    """Whether the driver has taken one of these up."""
    return device.accepted & features != 0


@fn(cold=True)
def device_fail(device: VirtioDevice, function: PciFunction) -> None:
    """It can go on only after a reset: the driver has broken the rules of its queues (2.1.2)."""
    device.status = device.status.replace(needs_reset=True)
    device.kicked = 0
    device.done = 0
    if device.status.driver_ok:
        device_interrupt(device, function, device.configuration_vector, u32(ISR_CONFIGURATION))


@fn
def device_interrupt(device: VirtioDevice, function: PciFunction, vector: u32, cause: u32) -> None:
    """Tell the driver: by a message, or by INTA# until it has read why."""
    if not function_msix(function).enabled:
        device.isr = device.isr | cause
    elif vector < VECTORS:
        device.vectors.pending = device.vectors.pending | u32(1) << (vector & 31)


@fn
def device_line(device: VirtioDevice, function: PciFunction) -> bool:
    """Whether INTA# is asserted."""
    return device.isr != 0 and not function_msix(function).enabled and not function_command(function).no_intx


@fn
def queue_interrupt(device: VirtioDevice, function: PciFunction, queue: Virtqueue) -> None:
    """Buffers of this queue were given back."""
    device_interrupt(device, function, queue.vector, u32(ISR_QUEUE))
