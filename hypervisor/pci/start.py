"""PCI from nothing to a table of functions that do nothing by themselves: on the first processor, before others run."""

from __future__ import annotations

from boot.info import BootInfo
from codegen.lang import fn, range, u8, u16, u32, u64
from drivers.pci.address import PciAddress
from drivers.pci.config import pci_read32
from drivers.pci.config_ports import CONFIG_PORT, pci_config_present, ports_read
from drivers.pci.enumerate import pci_enumerate
from drivers.pci.functions import BARS_MAX, PCI, BarFault, BarKind, BridgeFault, PciFunction
from drivers.pci.quiet import pci_quiet
from drivers.pci.windows import WINDOWS, window_drop, window_of, windows_find, windows_use_ports
from hypervisor.console.log import log, note, warn
from hypervisor.memory.paging import map_device
from hypervisor.pci.place import may_hold_registers
from hypervisor.pci.ports_lock import ports_lock_start

DEVICES = 32


@fn(cold=True)
def pci_start(info: BootInfo) -> None:
    """After ACPI and the final page tables."""
    ports_lock_start()
    choose_windows(info)
    pci_enumerate()
    silenced = u32(0)
    for i in range(PCI.function_count):
        function = PCI.functions[i]
        judge_bars(info, function)
        if pci_quiet(function):
            silenced += 1
        if function.bridge_fault != BridgeFault.NONE:
            say_bridge(function)
    say_found(silenced)


@fn(cold=True)
def choose_windows(info: BootInfo) -> None:
    """Those of the MCFG table that hold, else the ports."""
    windows_find()
    i = u32(0)
    while i < WINDOWS.window_count:
        window = WINDOWS.windows[i]
        if may_hold_registers(info, u64(window.start()), window.bytes()) and map_device(window.start(), window.bytes()):
            i += 1
        else:
            warn(f"PCI: no configuration space can be at {window.start():#x}: that is memory, or cannot be mapped")
            window_drop(i)
    if WINDOWS.refused != 0:
        warn(f"PCI: {WINDOWS.refused} entries of the firmware's MCFG table are not used: look for newer firmware")
    ports = pci_config_present()
    first = window_of(u16(0), u8(0))
    if ports and (first is None or not agrees_with_ports()):
        if first is not None:
            warn(f"PCI: at {first.start():#x} is no configuration space, whatever the MCFG table says: ports are used")
        windows_use_ports()


@fn(cold=True)
def agrees_with_ports() -> bool:
    """Whether bus 0 of segment 0 looks alike by both ways, and has a device."""
    found = False
    for device in range(u8(DEVICES)):
        place = PciAddress(device=device)
        identity = ports_read(place, u32(0), u32(4))
        if pci_read32(place, u32(0)) != identity:
            return False
        if identity != 0xFFFF_FFFF:
            found = True
    return found


@fn(cold=True)
def judge_bars(info: BootInfo, function: PciFunction) -> None:
    """A BAR is the firmware's word, or the device's own."""
    at = function.place
    for i in range(u32(BARS_MAX)):
        bar = function.bars[i]
        if bar.kind == BarKind.MEMORY and bar.fault == BarFault.NONE:
            if not may_hold_registers(info, bar.address, bar.size) or in_window(bar.address, bar.size):
                bar.fault = BarFault.MISPLACED
        if bar.fault == BarFault.UNASSIGNED:
            note(f"PCI {at.bus:02x}:{at.device:02x}.{at.function}: BAR {i}: {bar.fault.words()}")
        elif bar.fault != BarFault.NONE:
            warn(
                f"PCI {at.bus:02x}:{at.device:02x}.{at.function}: BAR {i} at {bar.address:#x}, {bar.size} bytes, "
                f"is not used: {bar.fault.words()}"
            )


@fn(cold=True)
def in_window(base: u64, length: u64) -> bool:
    """Whether it overlaps configuration space; `may_hold_registers` has looked at the range."""
    for i in range(WINDOWS.window_count):
        window = WINDOWS.windows[i]
        start = u64(window.start())
        if not window.by_ports and base < start + window.bytes() and start < base + length:
            return True
    return False


@fn(cold=True)
def say_bridge(bridge: PciFunction) -> None:
    """Why its other side is left alone."""
    at, first, last = bridge.place, bridge.secondary, bridge.subordinate
    warn(
        f"PCI bridge {at.bus:02x}:{at.device:02x}.{at.function} is not followed to buses {first:#x} to {last:#x}: "
        f"{bridge.bridge_fault.words()}"
    )


@fn(cold=True)
def say_found(silenced: u32) -> None:
    """One line, where all is well."""
    first = window_of(u16(0), u8(0))
    functions, buses = PCI.function_count, PCI.bus_count
    if first is None:
        warn("there is no PCI: neither an MCFG table nor configuration ports")
    elif first.by_ports:
        log(f"PCI: {functions} functions on {buses} buses, by ports at {u16(CONFIG_PORT):#x}; {silenced} silenced")
    else:
        log(f"PCI: {functions} functions on {buses} buses, by ECAM at {first.start():#x}; {silenced} silenced")
    if PCI.beyond != 0:
        warn(f"PCI: {PCI.beyond} functions more than the table has room for are left alone, and still master the bus")
