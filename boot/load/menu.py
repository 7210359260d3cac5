"""The boot menu: start, or check the machine. A key on the keyboard or on COM1 chooses within a second."""

from __future__ import annotations

from boot.info import BootFlags, BootInfo
from boot.load.console import say
from boot.load.firmware import pause_milliseconds, read_key
from boot.load.firmware_time import FIRMWARE_TIME
from boot.load.serial import read_serial
from codegen.lang import fn, max, range, rdtsc, u32

STEPS = 20
STEP_MILLISECONDS = 50
ENTER, DIGIT_1, DIGIT_2, CAPITAL_C, SMALL_C = 13, 49, 50, 67, 99


@fn
def offer_menu(info: BootInfo) -> None:
    """Sets the flags. What the wait took is added to `entry_tsc`, so that start-up is measured without it."""
    begin = rdtsc()
    firmware_before = FIRMWARE_TIME.ticks
    say("Keelback: 1 Start (Enter, or wait)   2 Check this machine (2 or C)")
    for _ in range(STEPS):
        key = max(read_key(), read_serial())
        if key == CAPITAL_C or key == SMALL_C or key == DIGIT_2:
            info.flags = BootFlags(check_machine=True)
            break
        if key == ENTER or key == DIGIT_1:
            break
        pause_milliseconds(u32(STEP_MILLISECONDS))
    FIRMWARE_TIME.ticks = firmware_before
    info.entry_tsc = info.entry_tsc + (rdtsc() - begin)
