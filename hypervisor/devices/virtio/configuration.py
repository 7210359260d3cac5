"""Configuration space of a slot, with what in it is not memory: the interrupt status, and the way into the window for
those who cannot reach it otherwise (virtio 1.2, 4.1.4.9)."""

from __future__ import annotations

from codegen.lang import fn, u32, u64
from drivers.virtio.pci import WINDOW_DATA, VirtioCapability
from hypervisor.devices.pci.bus import PciBus
from hypervisor.devices.pci.function import COMMAND, INTERRUPT_STATUS, PciFunction, function_write
from hypervisor.devices.pci.image import CONFIG_WORDS, WINDOW_CAPABILITY_AT
from hypervisor.devices.pci.window import WINDOW_BYTES
from hypervisor.devices.virtio.device import VirtioDevice
from hypervisor.devices.virtio.slots import FIRST_SLOT, VirtioSlots
from hypervisor.devices.virtio.window import window_read, window_write

DATA = (WINDOW_CAPABILITY_AT + WINDOW_DATA) // 4
OFFSET = (WINDOW_CAPABILITY_AT + VirtioCapability.offset.offset) // 4
LENGTH = (WINDOW_CAPABILITY_AT + VirtioCapability.length.offset) // 4


@fn(cold=True)
def configuration_read(slots: VirtioSlots, bus: PciBus, slot: u32, number: u32) -> u32:
    """Dword `number` (0 to 63) of the function in `slot`."""
    function = bus.functions[slot]
    value = function.config[number & (CONFIG_WORDS - 1)]
    device = device_in(slots, slot)
    if device is None:
        return value
    if number == COMMAND and device.isr != 0:
        return value | INTERRUPT_STATUS
    if number == DATA and window_access(function):
        return u32.trunc(window_read(device, function, function.config[OFFSET], function.config[LENGTH]))
    return value


@fn(cold=True)
def configuration_write(slots: VirtioSlots, bus: PciBus, slot: u32, number: u32, lanes: u32, value: u32) -> None:
    """Write `lanes` of a dword."""
    function = bus.functions[slot]
    function_write(function, number, lanes, value)
    device = device_in(slots, slot)
    if device is not None and number == DATA and window_access(function):
        window_write(device, function, function.config[OFFSET], function.config[LENGTH], u64(value))


@fn(cold=True)
def device_in(slots: VirtioSlots, slot: u32) -> VirtioDevice | None:
    """The virtio device in `slot`, if one is there."""
    if slot < FIRST_SLOT or slot - FIRST_SLOT >= slots.device_count:
        return None
    return slots.devices[slot - FIRST_SLOT]


@fn(cold=True)
def window_access(function: PciFunction) -> bool:
    """Whether the capability names 1, 2 or 4 aligned bytes of the window."""
    offset, length = function.config[OFFSET], function.config[LENGTH]
    sized = length == 1 or length == 2 or length == 4
    return sized and offset < WINDOW_BYTES and offset & (length - 1) == 0
