"""All functions in configuration space, one after the other."""

from __future__ import annotations

from codegen.lang import Field, Struct, fn, u8, u32
from drivers.pci.config_ports import ABSENT, ConfigAddress, pci_config_present, pci_read

FUNCTIONS = 256 * 32 * 8
IDENTITY, CLASS, HEADER = 0, 2, 3  # dwords
MULTIFUNCTION = 1 << 23  # of the HEADER dword


class PciScan(Struct):
    """Where the scan stands, and the function that it found last."""

    next: Field[u32]  # bus, device and function as one number
    place: Field[ConfigAddress]
    vendor: Field[u32]
    device: Field[u32]
    class_code: Field[u32]  # base class in bits 15:8, subclass in 7:0


@fn(cold=True)
def pci_scan_begin(scan: PciScan) -> bool:
    """From the first slot. False when there is no configuration space to scan."""
    scan.zero()
    return pci_config_present()


@fn(cold=True)
def pci_scan_next(scan: PciScan) -> bool:
    """The next function that exists; functions above 0 only of devices that say they have several."""
    while scan.next < FUNCTIONS:
        here = scan.next
        place = place_of(here)
        identity = pci_read(place, u32(IDENTITY))
        several = identity != ABSENT and (here & 7 != 0 or pci_read(place, u32(HEADER)) & MULTIFUNCTION != 0)
        scan.next = here + 1 if several or here & 7 != 0 else here + 8
        if identity != ABSENT and identity & 0xFFFF != 0:
            scan.place = place
            scan.vendor = identity & 0xFFFF
            scan.device = identity >> 16
            scan.class_code = pci_read(place, u32(CLASS)) >> 16
            return True
    return False


@fn
def place_of(number: u32) -> ConfigAddress:
    """Bus, device and function."""
    return ConfigAddress(function=u8(number & 7), device=u8(number >> 3 & 31), bus=u8(number >> 8))
