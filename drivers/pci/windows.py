"""The buses that can be reached, and how: by windows of memory, which the MCFG table lists (PCI Firmware Specification
3.3, 4.1.2), or by ports. The table is the firmware's word: a window is used when the caller has found that it lies in
no RAM, and has mapped it."""

from __future__ import annotations

from codegen.lang import Array, Field, Hpa, Struct, count, fn, len, range, span, storage, u8, u16, u32, u64
from drivers.acpi.root import acpi_table
from drivers.acpi.tables import MCFG_ENTRIES, McfgEntry

WINDOWS_MAX = 16
BUS_SHIFT = 20  # configuration space of a bus: 32 devices with 8 functions of 4096 bytes
ADDRESS_LIMIT = 1 << 52


class PciWindow(Struct):
    """Buses `first_bus` to `last_bus` of a segment."""

    base: Field[Hpa]  # where bus 0 would lie
    by_ports: Field[bool]  # in place of `base`
    segment: Field[u16]
    first_bus: Field[u8]
    last_bus: Field[u8]

    @fn
    def start(self) -> Hpa:
        """Where the window begins."""
        return self.base + (u64(self.first_bus) << BUS_SHIFT)

    @fn
    def bytes(self) -> u64:
        """Its length."""
        return (u64(self.last_bus) - u64(self.first_bus) + 1) << BUS_SHIFT

    @fn
    def has(self, segment: u16, bus: u8) -> bool:
        """Whether this bus is one of its."""
        return self.segment == segment and self.first_bus <= bus and bus <= self.last_bus


class PciWindows(Struct):
    """No bus is in two of them."""

    window_count: Field[u32]
    refused: Field[u32]  # entries of the table that are nonsense, or for which there is no room
    windows: Array[PciWindow] = count(WINDOWS_MAX)


WINDOWS = storage(PciWindows)


@fn(cold=True)
def window_of(segment: u16, bus: u8) -> PciWindow | None:
    """The window of a bus."""
    for i in range(WINDOWS.window_count):
        if WINDOWS.windows[i].has(segment, bus):
            return WINDOWS.windows[i]
    return None


@fn(cold=True)
def windows_find() -> None:
    """Read the MCFG table, after `acpi_start`."""
    WINDOWS.window_count = 0
    WINDOWS.refused = 0
    table = acpi_table(span(b"MCFG"))
    if table is None or len(table) < MCFG_ENTRIES:
        return
    for i in range((len(table) - MCFG_ENTRIES) // 16):
        entry = table.view(i * 16 + MCFG_ENTRIES, McfgEntry)
        if entry is None or not add_window(entry):
            WINDOWS.refused += 1


@fn(cold=True)
def add_window(entry: McfgEntry) -> bool:
    """False when it makes no sense: buses backwards or known already, a base that is no bus's, or no address at all."""
    last = entry.last_bus
    if entry.first_bus > last or WINDOWS.window_count == WINDOWS_MAX:
        return False
    if entry.base == 0 or entry.base & ((1 << BUS_SHIFT) - 1) != 0 or entry.base >= ADDRESS_LIMIT:
        return False
    for i in range(WINDOWS.window_count):
        other = WINDOWS.windows[i]
        if other.segment == entry.segment and other.first_bus <= last and entry.first_bus <= other.last_bus:
            return False
    window = WINDOWS.windows[WINDOWS.window_count]
    WINDOWS.window_count += 1
    window.zero()
    window.base = Hpa(entry.base)
    window.segment = entry.segment
    window.first_bus = entry.first_bus
    window.last_bus = last
    return True


@fn(cold=True)
def window_drop(index: u32) -> None:
    """Forget one, below `window_count`: the last one takes its number."""
    WINDOWS.refused += 1
    WINDOWS.window_count -= 1
    if index != WINDOWS.window_count:
        WINDOWS.windows[index].copy_from(WINDOWS.windows[WINDOWS.window_count])


@fn(cold=True)
def windows_use_ports() -> None:
    """All 256 buses of segment 0 by ports, whatever the table said of that segment."""
    i = u32(0)
    while i < WINDOWS.window_count:
        if WINDOWS.windows[i].segment == 0:
            window_drop(i)
        else:
            i += 1
    if WINDOWS.window_count == WINDOWS_MAX:
        window_drop(u32(WINDOWS_MAX - 1))
    window = WINDOWS.windows[WINDOWS.window_count]
    WINDOWS.window_count += 1
    window.zero()
    window.by_ports = True
    window.last_bus = 255
