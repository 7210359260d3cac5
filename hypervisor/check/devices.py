"""Disks and network cards on the PCI bus, by their class (PCI Code and ID Assignment, 1.2 and 1.3). Only a listing."""

from __future__ import annotations

from codegen.lang import Local, Span, fn, span, u32
from drivers.pci.scan import PciScan, pci_scan_begin, pci_scan_next
from hypervisor.check.line import missing
from hypervisor.console.log import log

STORAGE, NETWORK = 1, 2  # base classes
LINES_MAX = 4


@fn(cold=True)
def check_devices() -> None:
    """One line each, as many as the screen can hold with the rest."""
    scan = Local(PciScan)
    if not pci_scan_begin(scan):
        missing(span(b"PCI"), span(b"no configuration mechanism 1: devices are not found"))
        return
    functions = u32(0)
    found = u32(0)
    while pci_scan_next(scan):
        functions += 1
        base = scan.class_code >> 8
        if base == STORAGE or base == NETWORK:
            found += 1
            if found <= LINES_MAX:
                place = scan.place
                log(
                    f"{kind_of(scan.class_code)} at {place.bus:02x}:{place.device:02x}.{place.function} "
                    f"[{scan.vendor:04x}:{scan.device:04x}]: not supported yet"
                )
    log(f"PCI: {functions} functions; {found} disk controllers and network cards: not supported yet")


@fn(cold=True)
def kind_of(class_code: u32) -> Span:
    """What stands behind a class code of storage or network."""
    match class_code:
        case 0x0101:
            return span(b"IDE disk controller")
        case 0x0104:
            return span(b"RAID controller")
        case 0x0106:
            return span(b"AHCI disk controller")
        case 0x0107:
            return span(b"SAS controller")
        case 0x0108:
            return span(b"NVMe disk")
        case 0x0200:
            return span(b"Ethernet card")
        case 0x0280:
            return span(b"network card")
        case _:
            return span(b"disk controller") if class_code >> 8 == STORAGE else span(b"network card")
