"""A linear framebuffer, as firmware describes it."""

from __future__ import annotations

from codegen.lang import Field, Hpa, Struct, at, fn, u8, u32, u64

BYTES_MAX = 1 << 30
ADDRESS_LIMIT = 1 << 46  # of what the monitor can map
CHANNEL_BITS = 8


class Framebuffer(Struct, size=32):
    """Base 0 when there is none. A pixel's colours are bytes at the shifts; whatever else it holds stays 0."""

    base: Field[Hpa] = at(0)
    width: Field[u32] = at(8)  # pixels
    height: Field[u32] = at(12)
    stride: Field[u32] = at(16)  # bytes per line
    bits_per_pixel: Field[u32] = at(20)
    red_shift: Field[u8] = at(24)
    green_shift: Field[u8] = at(25)
    blue_shift: Field[u8] = at(26)

    @fn
    def bytes(self) -> u64:
        """What it occupies from `base` on."""
        return u64(self.stride) * u64(self.height)

    @fn
    def is_usable(self) -> bool:
        """There is one, of 24 or 32 bits per pixel, and its numbers make sense together: firmware writes nonsense."""
        if self.bits_per_pixel != 24 and self.bits_per_pixel != 32:
            return False
        if u64(self.width) * u64(self.bits_per_pixel // 8) > u64(self.stride) or self.width == 0:
            return False
        if self.bytes() == 0 or self.bytes() > BYTES_MAX:
            return False
        if u64(self.base) == 0 or u64(self.base) > ADDRESS_LIMIT - BYTES_MAX:
            return False
        shift_max = u8.trunc(self.bits_per_pixel - CHANNEL_BITS)
        return self.red_shift <= shift_max and self.green_shift <= shift_max and self.blue_shift <= shift_max

    @fn
    def end(self) -> u64:
        """The physical address behind its last byte; of a usable one."""
        return u64(self.base) + self.bytes()
