"""A virtio device over PCI from the driver's side (virtio 1.2, 3.1 and 4.1): features, queues, configuration, vectors.

Registers are the device's: what is read becomes an index or an address only after a check, and waits end.
"""

from __future__ import annotations

from codegen.lang import Field, Hpa, HwEnum, Struct, fn, mmio, pause, u8, u16, u32, u64
from drivers.host import moment
from drivers.interrupt.message import MessageAddress, MessageData
from drivers.pci.address import PciAddress
from drivers.pci.config import pci_read16, pci_write16
from drivers.pci.functions import PciFunction
from drivers.pci.header import PciCommand, Type0Header
from drivers.pci.msix_driver import MsixFault, msix_enable, msix_set, msix_table
from drivers.virtio.driver_queue import DriverQueue, queue_reset
from drivers.virtio.pci import NO_VECTOR, VirtioCommon
from drivers.virtio.ring import AVAILABLE_AT, DESCRIPTORS_AT, USED_AT
from drivers.virtio.status import VERSION_1, DeviceStatus
from drivers.virtio.windows import VirtioWindows

PATIENCE = 1_000_000_000  # ns for a reset
NOBODY = 0xFF  # a status of a device that is gone
ADDRESS_LIMIT = 1 << 52  # addresses of queues and buffers have 64 bits


class Life(HwEnum, repr=u8):
    """What can be asked of a device."""

    ABSENT = 0
    RUNNING = 1
    RESETTING = 2
    GONE = 3


class VirtioTransport(Struct):
    """One device. `life`, `broken` and what follows: recovery.py."""

    windows: VirtioWindows
    place: Field[PciAddress]
    features: Field[u64]  # that both sides have
    vectors: Field[Hpa]  # of MSI-X; 0 without
    vector_count: Field[u32]
    life: Field[Life]
    broken: Field[bool]  # its rings say what cannot be
    fruitless: Field[u32]  # resets since it last did something
    reset_at: Field[u64]  # ns of `moment()`


@fn
def transport_runs(transport: VirtioTransport) -> bool:
    """Whether its queues may be used."""
    return transport.life == Life.RUNNING and not transport.broken


@fn(cold=True)
def registers_of(transport: VirtioTransport) -> VirtioCommon:
    return mmio(VirtioCommon, transport.windows.common)


@fn(cold=True)
def transport_bind(transport: VirtioTransport, function: PciFunction) -> None:
    """For a function that was taken and whose `windows` are found: its vectors, all masked."""
    transport.place = function.place
    transport.vectors = Hpa(0)
    transport.vector_count = 0
    table = msix_table(function)
    if not isinstance(table, MsixFault):
        msix_enable(function, table)
        transport.vectors = table
        transport.vector_count = u32(function.msix_vectors)


@fn(cold=True)
def transport_reset(transport: VirtioTransport) -> bool:
    """Reset and wait; False when it does not happen in PATIENCE. When it has, the device does no DMA (2.4)."""
    registers = registers_of(transport)
    start = moment()
    registers.status.write(0)
    while registers.status.read() != 0:
        if moment() - start > PATIENCE:
            return False
        pause()
    return True


@fn(cold=True)
def transport_offered(transport: VirtioTransport) -> u64:
    """The features of a device that has been reset."""
    registers = registers_of(transport)
    registers.status.write(u8(DeviceStatus(acknowledge=True)))
    registers.status.write(u8(DeviceStatus(acknowledge=True, driver=True)))
    registers.device_feature_select.write(0)
    low = u64(registers.device_feature.read())
    registers.device_feature_select.write(1)
    return low | u64(registers.device_feature.read()) << 32


@fn(cold=True)
def transport_accept(transport: VirtioTransport, features: u64) -> bool:
    """Take up these, which were offered. False when the device does not like that, or is an old one."""
    registers = registers_of(transport)
    if features & VERSION_1 == 0:
        return False
    transport.features = features
    registers.driver_feature_select.write(0)
    registers.driver_feature.write(u32.trunc(features))
    registers.driver_feature_select.write(1)
    registers.driver_feature.write(u32.trunc(features >> 32))
    wanted = u8(DeviceStatus(acknowledge=True, driver=True, features_ok=True))
    registers.status.write(wanted)
    return registers.status.read() == wanted


@fn
def transport_has(transport: VirtioTransport, feature: u64) -> bool:
    """Whether both sides have this one."""
    return transport.features & feature != 0


@fn(cold=True)
def transport_queue_size(transport: VirtioTransport, number: u16) -> u32:
    """The most descriptors that this queue can have: a power of two, or 0 when there is no such queue."""
    registers = registers_of(transport)
    registers.queue_select.write(number)
    size = u32(registers.queue_size.read())
    return size if size & size.wrapping_sub(1) == 0 and size <= 0x8000 else u32(0)


@fn(cold=True)
def transport_queue(transport: VirtioTransport, queue: DriverQueue, number: u16, vector: u16) -> bool:
    """Set up queue `number`, of `queue.size` descriptors in the memory at `queue.base`, which is cleared. `vector` of
    MSI-X or NO_VECTOR. False when the device does not take that."""
    registers = registers_of(transport)
    if transport_queue_size(transport, number) < queue.size or registers.queue_enable.read() != 0:
        return False
    windows = transport.windows
    offset = u64(registers.queue_notify_offset.read()) * u64(windows.notify_stride)
    if windows.notify_bytes < 2 or offset > windows.notify_bytes - 2:
        return False
    registers.queue_size.write(u16(queue.size))
    registers.queue_vector.write(vector)
    if registers.queue_vector.read() != vector:
        return False
    queue_reset(queue, number, windows.notify + offset)
    base = u64(queue.base)
    registers.descriptors_low.write(u32.trunc(base + DESCRIPTORS_AT))
    registers.descriptors_high.write(u32.trunc((base + DESCRIPTORS_AT) >> 32))
    registers.available_low.write(u32.trunc(base + AVAILABLE_AT))
    registers.available_high.write(u32.trunc((base + AVAILABLE_AT) >> 32))
    registers.used_low.write(u32.trunc(base + USED_AT))
    registers.used_high.write(u32.trunc((base + USED_AT) >> 32))
    registers.queue_enable.write(1)
    return True


@fn(cold=True)
def transport_configuration_vector(transport: VirtioTransport, vector: u16) -> bool:
    """Which vector tells of changes; before `transport_run`."""
    registers = registers_of(transport)
    registers.configuration_vector.write(vector)
    return registers.configuration_vector.read() == vector


@fn(cold=True)
def transport_run(transport: VirtioTransport) -> None:
    """All queues are set up."""
    registers_of(transport).status.write(u8(RUNNING))
    transport.broken = False
    transport.life = Life.RUNNING


RUNNING = DeviceStatus(acknowledge=True, driver=True, features_ok=True, driver_ok=True)


@fn(cold=True)
def transport_vector(transport: VirtioTransport, number: u32) -> u16:
    """What a queue is given: `number`, when there is such a vector."""
    return u16(number) if number < transport.vector_count else u16(NO_VECTOR)


@fn(cold=True)
def transport_connect(transport: VirtioTransport, vector: u32, address: MessageAddress, data: MessageData) -> bool:
    """Send this message for that vector from now on; False when there is none."""
    if vector >= transport.vector_count:
        return False
    msix_set(transport.vectors, u64(vector), address, data)
    return True


@fn(cold=True)
def transport_stop(transport: VirtioTransport) -> None:
    """No DMA and no interrupts any more, for good, whatever the device says. Its place answers what was there, so
    nothing of it is kept: all ones would switch bits on."""
    registers_of(transport).status.write(0)
    command = u32(Type0Header.command.offset)
    pci_write16(transport.place, command, u16(PciCommand(memory=True, no_intx=True)))
    pci_read16(transport.place, command)  # writes to configuration space have arrived when a read is answered
    transport.life = Life.GONE
