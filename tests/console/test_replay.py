from __future__ import annotations

import pytest

from codegen.lang import Hpa, host, storage, u32, u64
from drivers.console.linear_framebuffer import Framebuffer
from hypervisor.console.console import console_start
from hypervisor.console.guests import console_put_guest
from hypervisor.console.log import log, warn
from hypervisor.console.replay import console_use_framebuffer
from tests.console.fake_uart import FakeUart
from tests.console.text_screen import read_text

WIDTH, HEIGHT = 320, 96
MODE = storage(Framebuffer)


@pytest.fixture
def mode() -> Framebuffer:
    MODE.base = host.memory.allocate(WIDTH * HEIGHT * 4)
    MODE.width, MODE.height, MODE.stride, MODE.bits_per_pixel = WIDTH, HEIGHT, WIDTH * 4, 32
    return MODE


def shown() -> list[str]:
    content = host.memory.read(Hpa(int(MODE.base)), WIDTH * HEIGHT * 4)
    return read_text(lambda x, y: content[4 * (y * WIDTH + x)] != 0, WIDTH, HEIGHT)


def test_lines_from_before_the_screen_are_shown_on_it(mode: Framebuffer) -> None:
    console_start(False)
    log("first")
    warn("second")
    console_use_framebuffer(mode, u64(1 << 32))
    log("third")
    assert shown()[:4] == ["keelback: first", "keelback: warning: second", "keelback: third", ""]


def test_a_screen_that_is_not_mapped_yet_is_used_later_and_only_started_once(mode: Framebuffer) -> None:
    console_start(False)
    log("first")
    console_use_framebuffer(mode, u64(4096))
    assert shown()[0] == ""
    for _ in range(2):
        console_use_framebuffer(mode, u64(1 << 32))
    assert shown()[:2] == ["keelback: first", ""]


def test_guests_are_on_the_screen_only_where_there_is_no_uart(mode: Framebuffer) -> None:
    console_start(False)
    console_use_framebuffer(mode, u64(1 << 32))
    console_put_guest(u32(0), b"guest's\n")  # type: ignore[arg-type]
    assert shown()[0] == "guest's"
    FakeUart()
    console_start(False)
    console_put_guest(u32(0), b"unseen\n")  # type: ignore[arg-type]
    log("both")
    assert shown()[:3] == ["guest's", "keelback: both", ""]
