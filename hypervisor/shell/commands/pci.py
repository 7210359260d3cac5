"""The machine's PCI functions, as they were found at the start."""

from __future__ import annotations

from codegen.lang import fn, range, u32
from drivers.pci.class_names import class_name
from drivers.pci.functions import BARS_MAX, PCI, BarKind, PciBar, PciFunction
from hypervisor.progress import Progress
from hypervisor.shell.call import Call
from hypervisor.shell.command import command
from hypervisor.shell.output import say


@command("pci")
@fn(cold=True)
def show_pci(call: Call) -> Progress:
    """Shows the PCI functions: place, ID, kind, who uses each, its memory and ports, its interrupts by message."""
    if call.step >= PCI.function_count:
        if call.step == 0:
            say("no PCI function was found: `log` says why")
        return Progress.DONE
    function = PCI.functions[call.step]
    at = function.place
    say(
        f"{at.segment:04x}:{at.bus:02x}:{at.device:02x}.{at.function} [{function.vendor:04x}:{function.device:04x}] "
        f"{class_name(function.class_code)} ({function.class_code:04x}), used by {function.owner}"
    )
    if function.secondary != 0:
        say(f"  buses {function.secondary:#x} to {function.subordinate:#x}: {function.bridge_fault.words()}")
    for i in range(u32(BARS_MAX)):
        show_bar(i, function.bars[i])
    show_messages(function)
    return Progress.MORE if call.step + 1 < PCI.function_count else Progress.DONE


@fn(cold=True)
def show_bar(number: u32, bar: PciBar) -> None:
    """One, if it exists."""
    if bar.kind == BarKind.IO:
        say(f"  BAR {number}: ports {bar.address:#x}, {bar.size} of them: {bar.fault.words()}")
    elif bar.kind == BarKind.MEMORY:
        say(f"  BAR {number}: memory {bar.address:#x}, {bar.size} bytes: {bar.fault.words()}")


@fn(cold=True)
def show_messages(function: PciFunction) -> None:
    """MSI and MSI-X, if it has one of them."""
    if function.msi != 0:
        say("  MSI")
    if function.msix != 0:
        say(f"  MSI-X: {function.msix_vectors} vectors")
