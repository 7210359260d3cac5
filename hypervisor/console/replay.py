"""The framebuffer console's start, which shows what was said before it."""

from __future__ import annotations

from codegen.lang import Local, Span, fn, len, range, u64
from drivers.console.linear_framebuffer import Framebuffer
from hypervisor.console.console import LINE_END, PREFIX
from hypervisor.console.line import LineBuffer
from hypervisor.console.log import LOG
from hypervisor.console.screen import SCREEN, screen_put, screen_use_framebuffer


@fn(cold=True)
def console_use_framebuffer(mode: Framebuffer, mapped_end: u64) -> None:
    """Print on the framebuffer from now on, if it lies below `mapped_end` (physical) and is not in use already."""
    if SCREEN.framebuffer.present or not mode.is_usable() or mode.end() > mapped_end:
        return
    if not screen_use_framebuffer(mode):
        return
    line = Local(LineBuffer)
    position = LOG.ring.read(u64(0), line)
    while position is not None:
        show_text(PREFIX)
        show_text(line.span())
        show_text(LINE_END)
        position = LOG.ring.read(position, line)


@fn(cold=True)
def show_text(text: Span) -> None:
    for i in range(len(text)):
        screen_put(text[i])
