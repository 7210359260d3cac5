"""The machine's own screen: VGA text, or the framebuffer where UEFI left one."""

from __future__ import annotations

from codegen.lang import Struct, fn, storage, u8
from drivers.console.framebuffer import FramebufferText, framebuffer_put, framebuffer_start
from drivers.console.linear_framebuffer import Framebuffer
from drivers.console.vga_text import VgaText, place_cursor, vga_put, vga_start


class Screen(Struct):
    """At most one of the two is present."""

    vga: VgaText
    framebuffer: FramebufferText


SCREEN = storage(Screen)


@fn(cold=True)
def screen_use_vga() -> None:
    """The firmware left a text screen."""
    vga_start(SCREEN.vga)


@fn(cold=True)
def screen_use_framebuffer(mode: Framebuffer) -> bool:
    """A framebuffer that is mapped. False when it cannot be used."""
    return framebuffer_start(SCREEN.framebuffer, mode)


@fn
def screen_put(byte: u8) -> None:
    """Print one character, if there is a screen."""
    if SCREEN.vga.present:
        vga_put(SCREEN.vga, byte)
    elif SCREEN.framebuffer.present:
        framebuffer_put(SCREEN.framebuffer, byte)


@fn
def screen_place_cursor() -> None:
    """Let the blinking cursor, which only VGA has, follow the text."""
    if SCREEN.vga.present:
        place_cursor(SCREEN.vga)
