from __future__ import annotations

from collections.abc import Iterator

import pytest

from boot.uefi.firmware import STATE, enter_firmware
from boot.uefi.screen import FOUND, MASKS, find_framebuffer
from boot.uefi.tables import BootServices, GraphicsInformation, GraphicsMode, GraphicsOutput
from codegen.lang import Hpa, Local, bind, host, phys, sizeof, u32, u64
from drivers.console.linear_framebuffer import Framebuffer


@pytest.fixture
def information() -> Iterator[GraphicsInformation]:
    """A firmware whose screen this describes."""
    host.reset()
    places = [host.memory.allocate(sizeof(kind)) for kind in (BootServices, GraphicsOutput, GraphicsMode)]
    STATE.services = places[0]
    phys(GraphicsOutput, places[1]).mode = places[2]
    mode = phys(GraphicsMode, places[2])
    mode.base = Hpa(0xC000_0000)
    mode.information = host.memory.allocate(sizeof(GraphicsInformation))

    def locate(function: u64, a: u64, b: u64, c: u64, d: u64, e: u64) -> u64:
        FOUND.value = u64(places[1])
        return u64(0)

    bind(enter_firmware, locate)
    yield phys(GraphicsInformation, mode.information)
    bind(enter_firmware, None)


def test_masks_of_colours_say_where_each_lies(information: GraphicsInformation) -> None:
    information.width, information.height, information.format = u32(800), u32(600), u32(MASKS)
    information.red_mask, information.green_mask, information.blue_mask = u32(0xFF), u32(0xFF00), u32(0xFF_0000)
    information.reserved_mask, information.pixels_per_line = u32(0xFF00_0000), u32(832)
    found = Local(Framebuffer)
    find_framebuffer(found)
    assert (int(found.base), int(found.width), int(found.height)) == (0xC000_0000, 800, 600)
    assert (int(found.bits_per_pixel), int(found.stride)) == (32, 832 * 4)
    assert (int(found.red_shift), int(found.green_shift), int(found.blue_shift)) == (0, 8, 16)


def test_a_screen_without_a_framebuffer_is_left_out(information: GraphicsInformation) -> None:
    information.format = u32(MASKS + 1)
    found = Local(Framebuffer)
    find_framebuffer(found)
    assert int(found.base) == 0
