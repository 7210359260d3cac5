"""From the RSDP to a table by its signature, checksums checked."""

from __future__ import annotations

from codegen.lang import (
    Field,
    Hpa,
    Span,
    Struct,
    at,
    contract,
    fn,
    len,
    phys_span,
    range,
    span,
    storage,
    u8,
    u16,
    u32,
    u64,
    usize,
)
from drivers.acpi.tables import RSDP_V1_BYTES, Rsdp, TableHeader

BIOS_AREA = Hpa(0xE0000)
BIOS_AREA_BYTES = 0x20000
EBDA_SEGMENT = Hpa(0x40E)  # BIOS data area: the EBDA's real-mode segment
EBDA_SEARCHED = 1024
RSDP_ALIGN = 16
RSDP_SIGNATURE = span(b"RSD PTR ")
TABLE_MAX = 1 << 20  # bytes of one table; a longer one is nonsense


@contract
def acpi_may_read(hpa: Hpa, length: u64) -> bool:  # pyright: ignore[reportReturnType]
    """Whether these bytes are mapped: addresses in tables are the firmware's word, no more."""
    ...


class AcpiRoot(Struct):
    """Where the root table lies; 0 when the machine has none."""

    table: Field[Hpa]
    entry_bytes: Field[u32]  # 8 in an XSDT, 4 in an RSDT


class Entry32(Struct, size=4, align=1):
    value: Field[u32] = at(0)


class Entry64(Struct, size=8, align=1):
    value: Field[u64] = at(0)


class EbdaPointer(Struct, size=2, align=1):
    segment: Field[u16] = at(0)


ROOT = storage(AcpiRoot)


@fn(cold=True)
def acpi_start(rsdp_hint: Hpa) -> bool:
    """Find the root table: at the loader's hint, else in the EBDA and the BIOS area (5.2.5.1). False without one."""
    if u64(rsdp_hint) != 0:
        return take_rsdp(rsdp_hint)
    ebda = phys_span(EBDA_SEGMENT, 2).view(0, EbdaPointer)
    if ebda is not None and search(Hpa(u64(ebda.segment) << 4), u64(EBDA_SEARCHED)):
        return True
    return search(BIOS_AREA, u64(BIOS_AREA_BYTES))


@fn(cold=True)
def search(base: Hpa, length: u64) -> bool:
    """Look at every 16 bytes."""
    if not acpi_may_read(base, length):
        return False
    for offset in range(u64(0), length, RSDP_ALIGN):
        if take_rsdp(base + offset):
            return True
    return False


@fn(cold=True)
def take_rsdp(place: Hpa) -> bool:
    """Use the RSDP at `place` if it is one."""
    if not acpi_may_read(place, u64(RSDP_V1_BYTES)):
        return False
    first = phys_span(place, usize(RSDP_V1_BYTES))
    if not first.slice(0, len(RSDP_SIGNATURE)).equals(RSDP_SIGNATURE) or not sums_to_zero(first):
        return False
    if first[15] >= 2 and acpi_may_read(place, u64(36)):
        whole = phys_span(place, 36)
        rsdp = whole.view(0, Rsdp)
        if rsdp is not None and sums_to_zero(whole) and rsdp.xsdt != 0:
            ROOT.table = Hpa(rsdp.xsdt)
            ROOT.entry_bytes = 8
            return True
    rsdt = first.view(16, Entry32)
    if rsdt is None:
        return False
    ROOT.table = Hpa(u64(rsdt.value))
    ROOT.entry_bytes = 4
    return True


@fn
def sums_to_zero(bytes_of_table: Span) -> bool:
    """The ACPI checksum."""
    total = u8(0)
    for i in range(len(bytes_of_table)):
        total = total.wrapping_add(bytes_of_table[i])
    return total == 0


@fn(cold=True)
def table_at(place: Hpa) -> Span | None:
    """The whole table that begins here, if it is mapped, of sane length, and its checksum is right."""
    if not acpi_may_read(place, u64(36)):
        return None
    header = phys_span(place, 36).view(0, TableHeader)
    if header is None:
        return None
    length = header.length
    if length < 36 or length > TABLE_MAX or not acpi_may_read(place, u64(length)):
        return None
    whole = phys_span(place, usize(length))
    if not sums_to_zero(whole):
        return None
    return whole


@fn(cold=True)
def acpi_table(signature: Span) -> Span | None:
    """The first sound table with this signature (4 bytes)."""
    if u64(ROOT.table) == 0:
        return None
    root = table_at(ROOT.table)
    if root is None:
        return None
    for i in range((len(root) - 36) // usize(ROOT.entry_bytes)):
        found = table_at(entry_at(root, i))
        if found is not None and found.slice(0, 4).equals(signature):
            return found
    return None


@fn(cold=True)
def entry_at(root: Span, index: usize) -> Hpa:
    """Entry `index` of the root table; address 0 when it does not fit."""
    offset = index * usize(ROOT.entry_bytes) + 36
    if ROOT.entry_bytes == 8:
        wide = root.view(offset, Entry64)
        return Hpa(u64(0)) if wide is None else Hpa(wide.value)
    narrow = root.view(offset, Entry32)
    return Hpa(u64(0)) if narrow is None else Hpa(u64(narrow.value))
