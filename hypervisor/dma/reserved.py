"""Memory that firmware uses by DMA of a device: the device keeps exactly that, until a driver takes it.

VT-d 8.4 asks for it, and two things of ours live by it: the screen that UEFI left (graphics read it from such memory),
and the keyboard that firmware emulates for USB. A range that touches RAM is refused all the same.
"""

from __future__ import annotations

from boot.info import BootInfo
from codegen.lang import Hpa, fn, range
from drivers.iommu.reported import REPORTED, ReservedRange
from hypervisor.console.log import log, warn
from hypervisor.dma.dma import map_frames, open_domain
from hypervisor.dma.domain import domain_of
from hypervisor.memory.regions import FRAME, touches_usable

RANGE_MAX = 512 << 20  # bytes; the largest that firmware gives graphics is of this size
LIMIT = 1 << 39  # every table format reaches so far


@fn(cold=True)
def reserved_start(info: BootInfo) -> None:
    """Before the units translate."""
    for i in range(REPORTED.range_count):
        place = REPORTED.ranges[i]
        bus, device, function = place.requester >> 8, place.requester >> 3 & 31, place.requester & 7
        if keep_range(info, place):
            log(f"{bus:02x}:{device:02x}.{function} keeps the firmware's {place.base:#x} to {place.end:#x} for DMA")
        else:
            warn(f"{bus:02x}:{device:02x}.{function} does not keep {place.base:#x} to {place.end:#x} for DMA")
    if REPORTED.ranges_left_out != 0:
        warn(f"{REPORTED.ranges_left_out} reserved ranges of the IOMMU's table are left out: their devices are denied")


@fn(cold=True)
def keep_range(info: BootInfo, place: ReservedRange) -> bool:
    """Frame by frame, in a domain of the device's own."""
    if place.end > LIMIT or place.end - place.base > RANGE_MAX:
        return False
    base, end = place.base & ~(FRAME - 1), (place.end + (FRAME - 1)) & ~(FRAME - 1)
    if touches_usable(info, base, end):
        return False
    domain = domain_of(place.requester)
    if domain is None:
        if open_domain(place.requester, True) is not None:
            return False
        domain = domain_of(place.requester)
        if domain is None:
            return False
    return map_frames(domain, Hpa(base), end - base, True) is None
