"""The virtio devices of a VM, in the slots of its PCI bus behind the host bridge."""

from __future__ import annotations

from codegen.lang import Array, Field, Struct, count, fn, range, u32, u64
from hypervisor.devices.pci.bus import PciBus, line_of
from hypervisor.devices.pci.function import PciFunction, function_claims, function_command, function_msix
from hypervisor.devices.pci.kinds import FunctionKind
from hypervisor.devices.virtio.chain import Chain
from hypervisor.devices.virtio.device import VirtioDevice, device_line, device_reset, device_waits
from hypervisor.devices.virtio.layout import WINDOW_BYTES
from hypervisor.devices.virtio.msix import msix_ready
from hypervisor.devices.virtio.window import window_read, window_write

DEVICES = 8
FIRST_SLOT = 1


class VirtioSlots(Struct):
    """`devices[i]` is the function in slot i + FIRST_SLOT."""

    device_count: Field[u32]
    devices: Array[VirtioDevice] = count(DEVICES)
    chain: Chain  # of the device that works


@fn
def function_of(bus: PciBus, number: u32) -> PciFunction:
    """The PCI function of device `number`."""
    return bus.functions[number + FIRST_SLOT]


@fn(cold=True)
def slots_add(slots: VirtioSlots, bus: PciBus, kind: FunctionKind) -> VirtioDevice | None:
    """Put one more device into the next slot; None when all DEVICES are there."""
    number = slots.device_count
    if number >= DEVICES:
        return None
    slots.device_count = number + 1
    function_of(bus, number).kind = kind
    return slots.devices[number]


@fn(cold=True)
def slots_reset(slots: VirtioSlots) -> None:
    """After RST#."""
    for number in range(slots.device_count):
        device_reset(slots.devices[number])


@fn
def slots_claim(slots: VirtioSlots, bus: PciBus, address: u64) -> u32 | None:
    """The device whose window holds this address of memory."""
    if address >> 32 != 0:
        return None
    for number in range(slots.device_count):
        if function_claims(function_of(bus, number), u32.trunc(address)):
            return number
    return None


@fn(cold=True)
def slots_read(slots: VirtioSlots, bus: PciBus, number: u32, address: u64, width: u32) -> u64:
    """A read of `width` bytes in the window of device `number`."""
    offset = u32.trunc(address) & (WINDOW_BYTES - 1)
    return window_read(slots.devices[number], function_of(bus, number), offset, width)


@fn
def slots_write(slots: VirtioSlots, bus: PciBus, number: u32, address: u64, width: u32, value: u64) -> None:
    """A write of `width` bytes there."""
    offset = u32.trunc(address) & (WINDOW_BYTES - 1)
    window_write(slots.devices[number], function_of(bus, number), offset, width, value)


@fn
def slots_work(slots: VirtioSlots) -> u32:
    """Bit n: device n has been told of buffers that it has not looked at, or a disk has brought something back."""
    work = u32(0)
    for number in range(slots.device_count):
        if device_waits(slots.devices[number]):
            work = work | u32(1) << (number & 31)
    return work


@fn
def slots_ready(slots: VirtioSlots, bus: PciBus, number: u32) -> u32:
    """Bit n: the message of vector n of a device is to be sent now. It is a write to memory: only a bus master sends
    it (PCI 3.0, 6.8.3.3)."""
    function = function_of(bus, number)
    if not function_command(function).bus_master:
        return u32(0)
    return msix_ready(slots.devices[number].vectors, function_msix(function))


@fn
def slots_line(slots: VirtioSlots, bus: PciBus, line: u32) -> bool:
    """Whether a device asserts interrupt `line`."""
    for number in range(slots.device_count):
        if line_of(number + FIRST_SLOT) == line and device_line(slots.devices[number], function_of(bus, number)):
            return True
    return False
