"""Which drive the firmware started us from: several may hold a volume of ours (UEFI 2.10, 9.1 and 10.2)."""

from __future__ import annotations

from boot.uefi.firmware import protocol_of
from boot.uefi.tables import DEVICE_PATH, LOADED_IMAGE, LoadedImage, PathNode
from codegen.lang import Hpa, Span, fn, len, phys, phys_span, u64, usize

END_OF_PATH = 0x7F
NODE_HEADER = 4
PATH_MAX = 4096  # bytes; real ones have about 100


@fn
def boot_path(image: u64) -> Span:
    """The device path of the partition that holds the image of this handle; empty when the firmware does not say."""
    loaded = protocol_of(image, LOADED_IMAGE)
    if loaded == Hpa(0):
        return phys_span(Hpa(0), u64(0))
    return device_path(phys(LoadedImage, loaded).device)


@fn
def device_path(handle: u64) -> Span:
    """The nodes of a handle's device path without the end node; empty when it has none, or it has no end."""
    start = protocol_of(handle, DEVICE_PATH)
    size = u64(0)
    while start != Hpa(0) and size < PATH_MAX:
        node = phys(PathNode, start + size)
        if node.kind == END_OF_PATH:
            return phys_span(start, size)
        if node.length < NODE_HEADER:
            break
        size += u64(node.length)
    return phys_span(Hpa(0), u64(0))


@fn
def leads_to(drive: Span, partition: Span) -> bool:
    """Whether the partition lies on the drive: its path goes on where the drive's ends."""
    length = len(drive)
    return length != 0 and length <= len(partition) and partition.slice(usize(0), length).equals(drive)
