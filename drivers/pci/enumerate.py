"""The walk over all buses, upwards: those behind bridges as the firmware has numbered them, and those that no bridge
leads to, where another host bridge may be. Every bus is met at most once."""

from __future__ import annotations

from codegen.lang import Local, fn, range, u8, u16, u32
from drivers.pci.address import PciAddress
from drivers.pci.bars import size_bars
from drivers.pci.bridges import BusMap, has_one_device, read_bridge
from drivers.pci.capabilities import pci_capability
from drivers.pci.config import pci_read8, pci_read16
from drivers.pci.functions import FUNCTIONS_MAX, PCI, PciFunction
from drivers.pci.header import (
    LAYOUT_BRIDGE,
    LAYOUT_DEVICE,
    NO_VENDOR,
    CapabilityId,
    HeaderType,
    PciStatus,
    Type0Header,
)
from drivers.pci.msix import MsixCapability, MsixControl
from drivers.pci.windows import WINDOWS, PciWindow

DEVICES = 32
ONE = 1


@fn(cold=True)
def pci_enumerate() -> None:
    """Fill PCI anew. The windows are known and mapped."""
    PCI.zero()
    for i in range(WINDOWS.window_count):
        walk_window(WINDOWS.windows[i])


@fn(cold=True)
def walk_window(window: PciWindow) -> None:
    """All its buses."""
    buses = Local(BusMap)
    for bus in range(u32(window.first_bus), u32(window.last_bus) + 1):
        leader = buses.leader[bus]
        if leader == 0:
            walk_bus(window, u8(bus), u32(DEVICES), buses)
        else:
            bridge = PCI.functions[leader - 1]
            if u32(bridge.secondary) == bus:
                devices = u32(ONE) if has_one_device(bridge) else u32(DEVICES)
                walk_bus(window, u8(bus), devices, buses)


@fn(cold=True)
def walk_bus(window: PciWindow, bus: u8, devices: u32, buses: BusMap) -> None:
    """A device has a function 0, and others only where that says so (PCI 3.0, 3.2.2.3.4)."""
    found = u32(0)
    for device in range(devices):
        place = PciAddress(segment=window.segment, bus=bus, device=u8(device))
        if not exists(place):
            continue
        found += 1
        add_function(place, window, buses)
        if HeaderType.of(pci_read8(place, u32(Type0Header.header_type.offset))).multifunction:
            for function in range(u8(1), u8(8)):
                if exists(place.replace(function=function)):
                    add_function(place.replace(function=function), window, buses)
    if found != 0:
        PCI.bus_count += 1


@fn(cold=True)
def exists(place: PciAddress) -> bool:
    """All ones: nobody answers. Zero is no vendor either."""
    vendor = pci_read16(place, u32(Type0Header.vendor.offset))
    return vendor != NO_VENDOR and vendor != 0


@fn(cold=True)
def add_function(place: PciAddress, window: PciWindow, buses: BusMap) -> None:
    """To the table, as far as there is room; a bridge without room leads nowhere."""
    number = PCI.function_count
    if number == FUNCTIONS_MAX:
        PCI.beyond += 1
        return
    function = PCI.functions[number]
    function.place = place
    read_header(function)
    PCI.function_count += 1
    if function.layout == LAYOUT_BRIDGE:
        read_bridge(function, number, window, buses)


@fn(cold=True)
def read_header(function: PciFunction) -> None:
    """All that the table has but bridges' buses."""
    place = function.place
    function.vendor = pci_read16(place, u32(Type0Header.vendor.offset))
    function.device = pci_read16(place, u32(Type0Header.device.offset))
    function.class_code = pci_read16(place, u32(Type0Header.subclass.offset))  # the base class is the byte above
    function.interface = pci_read8(place, u32(Type0Header.interface.offset))
    function.revision = pci_read8(place, u32(Type0Header.revision.offset))
    function.layout = HeaderType.of(pci_read8(place, u32(Type0Header.header_type.offset))).layout
    if function.layout > LAYOUT_BRIDGE:  # CardBus bridges, and what nobody knows
        return
    function.interrupt_line = pci_read8(place, u32(Type0Header.interrupt_line.offset))
    function.interrupt_pin = pci_read8(place, u32(Type0Header.interrupt_pin.offset))
    if function.layout == LAYOUT_DEVICE:
        function.subsystem_vendor = pci_read16(place, u32(Type0Header.subsystem_vendor.offset))
        function.subsystem = pci_read16(place, u32(Type0Header.subsystem.offset))
    if PciStatus.of(pci_read16(place, u32(Type0Header.status.offset))).capabilities:
        read_capabilities(function)
    size_bars(function)


@fn(cold=True)
def read_capabilities(function: PciFunction) -> None:
    """Where those are that we use."""
    place = function.place
    first = pci_read8(place, u32(Type0Header.capabilities.offset))
    function.capabilities = first & ~3
    function.pcie = pci_capability(place, first, CapabilityId.PCI_EXPRESS)
    function.msi = pci_capability(place, first, CapabilityId.MSI)
    function.msix = pci_capability(place, first, CapabilityId.MSIX)
    if function.msix != 0:
        control = MsixControl.of(pci_read16(place, u32(function.msix) + MsixCapability.control.offset))
        function.msix_vectors = u16(control.last) + 1
