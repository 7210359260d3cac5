"""The linear framebuffer that the firmware leaves on (UEFI 2.10, 12.9)."""

from __future__ import annotations

from boot.uefi.firmware import call_firmware, services
from boot.uefi.tables import GRAPHICS_OUTPUT, GraphicsInformation, GraphicsMode, GraphicsOutput, Word
from codegen.lang import Hpa, address_of, fn, phys, storage, u8, u32, u64
from drivers.console.linear_framebuffer import Framebuffer

RGBX, BGRX, MASKS = 0, 1, 2
FOUND = storage(Word)


@fn
def find_framebuffer(framebuffer: Framebuffer) -> None:
    """Leaves base 0 when there is none that is linear."""
    status = call_firmware(
        services().locate_protocol,
        u64(GRAPHICS_OUTPUT.address()),
        u64(0),
        u64(address_of(FOUND)),
        u64(0),
        u64(0),
    )
    if status != 0:
        return
    mode = phys(GraphicsMode, phys(GraphicsOutput, Hpa(FOUND.value)).mode)
    information = phys(GraphicsInformation, mode.information)
    if information.format > MASKS:
        return
    framebuffer.base = mode.base
    framebuffer.width = information.width
    framebuffer.height = information.height
    framebuffer.bits_per_pixel = pixel_bits(information) if information.format == MASKS else u32(32)
    framebuffer.stride = information.pixels_per_line * (framebuffer.bits_per_pixel // 8)
    framebuffer.green_shift = 8
    if information.format == MASKS:
        framebuffer.red_shift = shift_of(information.red_mask)
        framebuffer.green_shift = shift_of(information.green_mask)
        framebuffer.blue_shift = shift_of(information.blue_mask)
    elif information.format == BGRX:
        framebuffer.red_shift = 16
    else:
        framebuffer.blue_shift = 16


@fn
def pixel_bits(information: GraphicsInformation) -> u32:
    """The masks of colours and reserved bits fill the pixel's bytes."""
    colours = information.red_mask | information.green_mask | information.blue_mask
    return (u32(32) - (colours | information.reserved_mask).leading_zeros() + 7) & 0x38


@fn
def shift_of(mask: u32) -> u8:
    """Where the colour's upper 8 bits lie."""
    return u8.trunc(u32(24).saturating_sub(mask.leading_zeros()))
