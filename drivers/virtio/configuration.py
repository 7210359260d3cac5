"""What a virtio device says of itself in its DEVICE window (virtio 1.2, 2.5). Behind the window's end it says 0."""

from __future__ import annotations

from codegen.lang import fn, mmio, range, u8, u16, u32, u64
from drivers.virtio.pci import VirtioCommon, VirtioDevice8, VirtioDevice16, VirtioDevice32
from drivers.virtio.transport import VirtioTransport

READS_MAX = 16


@fn(cold=True)
def configuration8(transport: VirtioTransport, offset: u32) -> u8:
    """A byte."""
    windows = transport.windows
    return mmio(VirtioDevice8, windows.device).cell[offset].read() if offset < windows.device_bytes else u8(0)


@fn(cold=True)
def configuration16(transport: VirtioTransport, offset: u32) -> u16:
    """Two bytes; `offset` is a multiple of 2."""
    windows = transport.windows
    inside = offset + 2 <= windows.device_bytes
    return mmio(VirtioDevice16, windows.device).cell[offset >> 1].read() if inside else u16(0)


@fn(cold=True)
def configuration32(transport: VirtioTransport, offset: u32) -> u32:
    """Four bytes; `offset` is a multiple of 4."""
    windows = transport.windows
    inside = offset + 4 <= windows.device_bytes
    return mmio(VirtioDevice32, windows.device).cell[offset >> 2].read() if inside else u32(0)


@fn(cold=True)
def configuration64(transport: VirtioTransport, offset: u32) -> u64:
    """Eight bytes, in halves of one moment: the generation is the same before and after (2.5.1). A device that always
    changes is taken at its last word."""
    registers = mmio(VirtioCommon, transport.windows.common)
    value = u64(0)
    for _ in range(u32(READS_MAX)):
        before = registers.generation.read()
        value = u64(configuration32(transport, offset)) | u64(configuration32(transport, offset + 4)) << 32
        if registers.generation.read() == before:
            break
    return value
