"""The table of the machine's PCI functions, ordered by segment, bus, device and function. Drivers look here."""

from __future__ import annotations

from codegen.lang import Array, Field, HwEnum, Span, Struct, count, fn, range, span, storage, u8, u16, u32, u64
from drivers.pci.address import PciAddress

FUNCTIONS_MAX = 256
BARS_MAX = 6


class BarKind(HwEnum, repr=u8):
    """What a base address register asks for."""

    NONE = 0
    IO = 1
    MEMORY = 2
    UPPER_HALF = 3  # of the 64-bit one before it


class BarFault(HwEnum, repr=u8):
    """Why a BAR cannot be used as it is."""

    NONE = 0
    UNASSIGNED = 1
    ABSURD = 2
    MISPLACED = 3

    @fn
    def words(self) -> Span:
        """For people."""
        match self:
            case BarFault.NONE:
                return span(b"usable")
            case BarFault.UNASSIGNED:
                return span(b"the firmware gave it no address")
            case BarFault.ABSURD:
                return span(b"its bits make no sense")
            case BarFault.MISPLACED:
                return span(b"its address is RAM's, or no device's")


class PciBar(Struct):
    """A range of memory or ports. `address` and `size` (bytes, a power of two) are right where there is no fault."""

    address: Field[u64]
    size: Field[u64]
    kind: Field[BarKind]
    fault: Field[BarFault]
    wide: Field[bool]  # 64 bits
    prefetchable: Field[bool]

    @fn
    def is_usable(self) -> bool:
        """Whether a driver may reach it."""
        return (self.kind == BarKind.MEMORY or self.kind == BarKind.IO) and self.fault == BarFault.NONE


class BridgeFault(HwEnum, repr=u8):
    """Why what lies behind a bridge is left alone."""

    NONE = 0
    UNCONFIGURED = 1
    BACKWARDS = 2
    OUTSIDE = 3
    TAKEN = 4

    @fn
    def words(self) -> Span:
        """For people."""
        match self:
            case BridgeFault.NONE:
                return span(b"usable")
            case BridgeFault.UNCONFIGURED:
                return span(b"the firmware gave it no bus numbers")
            case BridgeFault.BACKWARDS:
                return span(b"its buses come before its own, or end before they begin")
            case BridgeFault.OUTSIDE:
                return span(b"its buses are not among those of the bridge before it")
            case BridgeFault.TAKEN:
                return span(b"another bridge has its buses")


class PciOwner(HwEnum, repr=u8):
    """Who uses a function."""

    NONE = 0
    FIRMWARE = 1  # it may still need DMA as the firmware set it up (drivers/pci/quiet.py)
    NVME = 2
    AHCI = 3
    VIRTIO = 4
    E1000 = 5
    ATA = 6


class PciFunction(Struct):
    """What was read when the buses were walked. Capabilities are registers; 0 where there is none."""

    place: Field[PciAddress]
    vendor: Field[u16]
    device: Field[u16]
    subsystem_vendor: Field[u16]
    subsystem: Field[u16]
    class_code: Field[u16]  # base class in the upper byte, subclass in the lower
    interface: Field[u8]
    revision: Field[u8]
    layout: Field[u8]  # of the header
    interrupt_pin: Field[u8]
    interrupt_line: Field[u8]
    capabilities: Field[u8]  # the first one
    pcie: Field[u8]
    msi: Field[u8]
    msix: Field[u8]
    owner: Field[PciOwner]
    secondary: Field[u8]  # of a bridge: the buses behind it
    subordinate: Field[u8]
    bridge_fault: Field[BridgeFault]
    msix_vectors: Field[u16]
    bars: Array[PciBar] = count(BARS_MAX)


class PciFunctions(Struct):
    """All of the machine."""

    function_count: Field[u32]
    beyond: Field[u32]  # found, but there is no room for them
    bus_count: Field[u32]  # that have a function
    functions: Array[PciFunction] = count(FUNCTIONS_MAX)


PCI = storage(PciFunctions)


@fn(cold=True)
def pci_next_of_class(after: u32, class_code: u16) -> u32 | None:
    """The number of the first function of this class from `after` on."""
    for i in range(after, PCI.function_count):
        if PCI.functions[i].class_code == class_code:
            return i
    return None


@fn(cold=True)
def pci_next_of_id(after: u32, vendor: u16, device: u16) -> u32 | None:
    """The number of the first function with this ID from `after` on."""
    for i in range(after, PCI.function_count):
        function = PCI.functions[i]
        if function.vendor == vendor and function.device == device:
            return i
    return None
