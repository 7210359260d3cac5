"""Which buses lie behind which bridge (PCI-to-PCI Bridge Architecture 1.2, 3.2.5).

Firmware numbers them from above: those behind a bridge follow its own and are among those of the bridge before it, so a
walk upwards meets each bus once. Numbers that say otherwise are refused, whatever loop they would make.
"""

from __future__ import annotations

from codegen.lang import Array, Struct, count, fn, range, u16, u32
from drivers.pci.capabilities import PORT_DOWNSTREAM, PORT_ROOT, ExpressCapabilities
from drivers.pci.config import pci_read8, pci_read16
from drivers.pci.functions import PCI, BridgeFault, PciFunction
from drivers.pci.header import Type1Header
from drivers.pci.windows import PciWindow

BUSES = 256


class BusMap(Struct):
    """By bus: the bridge nearest to it that leads there, as its number in the table plus 1; 0: none that was met."""

    leader: Array[u16] = count(BUSES)


@fn(cold=True)
def read_bridge(bridge: PciFunction, number: u32, window: PciWindow, buses: BusMap) -> None:
    """Take the buses behind the bridge, which is function `number` of the table, or say why not."""
    bridge.secondary = pci_read8(bridge.place, u32(Type1Header.secondary.offset))
    bridge.subordinate = pci_read8(bridge.place, u32(Type1Header.subordinate.offset))
    bridge.bridge_fault = judge_bridge(bridge, window, buses)
    if bridge.bridge_fault == BridgeFault.NONE:
        for bus in range(u32(bridge.secondary), u32(bridge.subordinate) + 1):
            buses.leader[bus] = u16(number + 1)


@fn(cold=True)
def judge_bridge(bridge: PciFunction, window: PciWindow, buses: BusMap) -> BridgeFault:
    """What is wrong with its numbers."""
    own, first, last = bridge.place.bus, bridge.secondary, bridge.subordinate
    if first == 0:
        return BridgeFault.UNCONFIGURED
    if first <= own or last < first:
        return BridgeFault.BACKWARDS
    leader = buses.leader[own]
    end = window.last_bus if leader == 0 else PCI.functions[leader - 1].subordinate
    if last > end:
        return BridgeFault.OUTSIDE
    for bus in range(u32(first), u32(last) + 1):
        if buses.leader[bus] != leader:
            return BridgeFault.TAKEN
    return BridgeFault.NONE


@fn(cold=True)
def has_one_device(bridge: PciFunction) -> bool:
    """A link of PCI Express has one device at its end; some ports answer for it at every device number (7.3.1)."""
    if bridge.pcie == 0:
        return False
    port = ExpressCapabilities.of(pci_read16(bridge.place, u32(bridge.pcie) + 2)).port
    return port == PORT_ROOT or port == PORT_DOWNSTREAM
