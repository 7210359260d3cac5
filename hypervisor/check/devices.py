"""Disks and network cards on the PCI buses, by their class (PCI Code and ID Assignment 1.11, ch. 1). Only a listing."""

from __future__ import annotations

from codegen.lang import fn, range, span, u32
from drivers.pci.class_names import class_name
from drivers.pci.functions import PCI
from drivers.pci.windows import WINDOWS
from hypervisor.check.line import missing
from hypervisor.console.log import log

STORAGE, NETWORK = 1, 2  # base classes
LINES_MAX = 4


@fn(cold=True)
def check_devices() -> None:
    """One line each, as many as the screen can hold with the rest."""
    if WINDOWS.window_count == 0:
        missing(span(b"PCI"), span(b"neither an MCFG table nor configuration ports: devices are not found"))
        return
    found = u32(0)
    for i in range(PCI.function_count):
        function = PCI.functions[i]
        base = function.class_code >> 8
        if base == STORAGE or base == NETWORK:
            found += 1
            if found <= LINES_MAX:
                place = function.place
                log(
                    f"{class_name(function.class_code)} at {place.bus:02x}:{place.device:02x}.{place.function} "
                    f"[{function.vendor:04x}:{function.device:04x}]: not supported yet"
                )
    log(f"PCI: {PCI.function_count} functions; {found} disk controllers and network cards: not supported yet")
