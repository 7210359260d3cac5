"""Memory that one device and the monitor share: rings, tables, buffers of drivers."""

from __future__ import annotations

from codegen.lang import Hpa, fn, implements, range, u8, u16, u32, u64
from drivers.host import device_memory
from hypervisor.console.log import warn
from hypervisor.dma.dma import dma_attach, dma_map, dma_unmap
from hypervisor.dma.error import DmaError
from hypervisor.memory.frames import allocate_frames, release_frame
from hypervisor.memory.owner import Owner
from hypervisor.memory.regions import FRAME

FRAMES_AT_ONCE = 512


@implements(device_memory)
@fn(cold=True)
def device_buffer(requester: u16, size: u64, limit: u64) -> Hpa | None:
    """Whole frames. A device that asks for the first time gets a domain of its own."""
    frames = (size + (FRAME - 1)) // FRAME
    if frames == 0 or frames > FRAMES_AT_ONCE:
        return None
    attached = dma_attach(requester)
    if attached is not None and attached != DmaError.ATTACHED:
        warn(f"device {requester:#x} gets no memory: {attached}")
        return None
    hpa = allocate_frames(u32(frames), u8(Owner.DMA))
    if hpa is None:
        return None
    if u64(hpa) + frames * FRAME <= limit:
        error = dma_map(requester, hpa, frames * FRAME, True, u8(Owner.DMA))
        if error is None:
            return hpa
        warn(f"device {requester:#x} gets no memory: {error}")
    give_back(hpa, frames)
    return None


@fn(cold=True)
def return_device_buffer(requester: u16, hpa: Hpa, size: u64) -> None:
    """The device does not use it any more. What an IOMMU does not confirm stays where it is, for ever."""
    frames = (size + (FRAME - 1)) // FRAME
    if dma_unmap(requester, hpa, frames * FRAME) is None:
        give_back(hpa, frames)


@fn(cold=True)
def give_back(hpa: Hpa, frames: u64) -> None:
    """To the free memory."""
    for i in range(frames):
        release_frame(hpa + i * FRAME, u8(Owner.DMA))
