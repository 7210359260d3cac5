"""The machine's PCI functions, as the shell's command of the same name."""

from __future__ import annotations

from codegen.lang import fn, range, u32
from drivers.pci.class_names import class_name
from drivers.pci.functions import BARS_MAX, PCI, BarFault, BarKind, PciFunction
from hypervisor.ctl.answer import put
from hypervisor.ctl.request import Request
from hypervisor.ctl.verb import verb
from hypervisor.progress import Progress


@verb("pci")
@fn(cold=True)
def list_pci(request: Request) -> Progress:
    """Lists the PCI `functions`: `place`, IDs, `class` and its `name`, `owner`, the bus `secondary` behind a bridge
    (else 0), `bars` (`bar`, `kind`, `address`, `size` in bytes, `prefetchable`, `usable`), `msi` and `msix` (how many
    vectors)."""
    if request.step == 0:
        put(',"functions":[')
    if request.step >= PCI.function_count:
        put("]")
        return Progress.DONE
    if request.step != 0:
        put(",")
    put_function(PCI.functions[request.step])
    return Progress.MORE


@fn(cold=True)
def put_function(function: PciFunction) -> None:
    """One."""
    at = function.place
    put(f'{{"place":"{at.segment:04x}:{at.bus:02x}:{at.device:02x}.{at.function}","vendor":{function.vendor}')
    put(f',"device":{function.device},"subsystem_vendor":{function.subsystem_vendor}')
    put(f',"subsystem":{function.subsystem},"class":{function.class_code},"interface":{function.interface}')
    put(f',"revision":{function.revision},"name":"{class_name(function.class_code)}","owner":"{function.owner}"')
    put(f',"secondary":{function.secondary},"pin":{function.interrupt_pin},"line":{function.interrupt_line}')
    put(f',"msi":{u32(1) if function.msi != 0 else u32(0)},"msix":{function.msix_vectors},"bars":[')
    first = True
    for i in range(u32(BARS_MAX)):
        bar = function.bars[i]
        if bar.kind == BarKind.IO or bar.kind == BarKind.MEMORY:
            if not first:
                put(",")
            first = False
            put(f'{{"bar":{i},"kind":"{bar.kind}","address":{bar.address},"size":{bar.size}')
            put(f',"prefetchable":{u32(bar.prefetchable)},"usable":{u32(bar.fault == BarFault.NONE)}}}')
    put("]}")
