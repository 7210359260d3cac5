from __future__ import annotations

import hashlib
import random
import re
import string
import time
from pathlib import Path

import pytest

from boot.machines.machine import Drive
from tests.guests_boot.configurations import CLOUD, write_configuration
from tests.guests_boot.dialog import Dialog, dialog
from tests.guests_boot.machines import bare, under_the_monitor
from tests.guests_boot.warnings import unexplained, warnings_of

BOOT_SECONDS = {"qemu": 240, "bochs": 500}
SECONDS = 90
PASTE_BYTES = 4096
BOCHS_TIME = 946_681_200  # its clock starts there (boot/machines/bochs.py)
CLOCK_ERROR = 4  # seconds: two real-time clocks without fractions, and a command's time


def boot(console: Dialog, host: str) -> None:
    console.wait("keelback-guest: user space reached", BOOT_SECONDS[host])
    console.wait("/ # ", SECONDS)


def interrupts(console: Dialog) -> dict[str, tuple[int, str]]:
    """/proc/interrupts: count and chip by line."""
    found = re.findall(r"^ *(\w+): +(\d+)(.*)$", console.run("cat /proc/interrupts", SECONDS), re.MULTILINE)
    return {name: (int(count), chip) for name, count, chip in found}


def interrupts_move(console: Dialog) -> None:
    before = interrupts(console)
    console.run("sleep 1", SECONDS)
    after = interrupts(console)
    assert after["LOC"][0] > before["LOC"][0]
    assert "IO-APIC" in after["4"][1] and "ttyS0" in after["4"][1]
    assert after["4"][0] > before["4"][0]


def a_paste_loses_nothing(console: Dialog) -> None:
    text = "".join(random.Random(4096).choices(string.ascii_letters + string.digits, k=PASTE_BYTES))
    console.type("sh /etc/tests/paste\n")
    console.wait("paste: ready\n", SECONDS)
    console.type(text)
    console.wait("paste: md5 ", SECONDS)
    assert console.wait("\n", SECONDS).strip() == hashlib.md5(text.encode()).hexdigest()


def the_date_is_right(console: Dialog, host: str) -> None:
    guest = int(re.findall(r"\d{9,}", console.run("date -u +%s", SECONDS))[-1])
    if host == "bochs":
        assert BOCHS_TIME <= guest < BOCHS_TIME + BOOT_SECONDS[host]
    else:
        assert abs(guest - time.time()) < CLOCK_ERROR


def the_clock_source_is_a_good_one(console: Dialog) -> None:
    source = console.run("cat /sys/devices/system/clocksource/clocksource0/current_clocksource", SECONDS)
    assert source.split()[-1] in ("kvm-clock", "tsc")


def warnings_are_the_bare_machines(console: Dialog, host: str) -> None:
    guest = warnings_of(console.run("sh /etc/tests/warnings", SECONDS))
    assert guest, "the kernel has something to warn of on both emulators"
    assert unexplained(host, guest, bare_warnings() if host == "qemu" else None) == set()


def bare_warnings() -> set[str]:
    with dialog(bare("linux-cloud", "console=ttyS0 kb.test=warnings")) as console:
        return warnings_of(console.wait("keelback-guest: test warnings passed", BOOT_SECONDS["qemu"]))


def sleep_is_as_long_as_on_the_wall(console: Dialog, seconds: int, tolerance: float) -> None:
    stamp = "cut -d ' ' -f 1 /proc/uptime; echo st''amp"
    console.type(f"{stamp} one; sleep {seconds}; {stamp} two\n")
    console.wait("stamp two\n", 10 * seconds)
    wall = console.arrival("stamp two") - console.arrival("stamp one")
    first, second = (float(text) for text in re.findall(r"^([0-9.]+)\nstamp", console.output, re.MULTILINE))
    assert wall == pytest.approx(seconds, abs=tolerance)
    assert second - first == pytest.approx(seconds, abs=tolerance)


def reboot_starts_the_guest_again(console: Dialog, host: str) -> None:
    console.type("reboot -f\n")
    console.wait("keelback: debian: reset by the guest", SECONDS)
    boot(console, host)
    uptime = float(console.run("cut -d ' ' -f 1 /proc/uptime", SECONDS).split()[-1])
    assert uptime < BOOT_SECONDS[host]


def power_off_ends_the_run(console: Dialog) -> None:
    console.type("poweroff -f\n")
    said = console.wait("keelback: all guests have stopped", SECONDS)
    assert "reboot: Power down" in said and "debian: powered off" in said


@pytest.mark.parametrize(("host", "drive"), [("qemu", Drive.USB), ("bochs", Drive.CD)])
def test_linux_has_interrupts_clocks_a_console_and_an_end(tmp_path: Path, host: str, drive: Drive) -> None:
    with dialog(under_the_monitor(write_configuration(tmp_path, CLOUD), host, drive)) as console:
        boot(console, host)
        interrupts_move(console)
        a_paste_loses_nothing(console)
        the_clock_source_is_a_good_one(console)
        the_date_is_right(console, host)
        warnings_are_the_bare_machines(console, host)
        if host == "qemu":
            reboot_starts_the_guest_again(console, host)
        power_off_ends_the_run(console)
        assert "unchecked MSR access" not in console.output


@pytest.mark.parametrize(
    ("seconds", "tolerance"), [pytest.param(10, 0.5, id="10"), pytest.param(60, 0.3, id="60", marks=pytest.mark.long)]
)
def test_sleep_takes_the_time_of_the_wall(tmp_path: Path, seconds: int, tolerance: float) -> None:
    with dialog(under_the_monitor(write_configuration(tmp_path, CLOUD), "qemu")) as console:
        boot(console, "qemu")
        sleep_is_as_long_as_on_the_wall(console, seconds, tolerance)


LAST_WORDS = re.compile(r"\[ *([0-9.]+)\] reboot: .*\n(?:.*\n)*?keelback: debian: .* after ([0-9]+) ms")


def clocks_at_the_end(console: Dialog, command: str) -> float:
    """How many seconds the monitor's clock is ahead of the guest's when the guest ends by `command`."""
    begin = console.seen
    console.type(f"{command}\n")
    console.wait(" ms\n", SECONDS)
    found = LAST_WORDS.search(console.output[begin : console.seen])
    assert found is not None, console.output[begin : console.seen]
    return int(found[2]) / 1000 - float(found[1])


@pytest.mark.long
@pytest.mark.parametrize("host", ["qemu", "bochs"])
def test_a_minute_of_the_guest_is_one_of_the_monitors_clock(tmp_path: Path, host: str) -> None:
    with dialog(under_the_monitor(write_configuration(tmp_path, CLOUD), host)) as console:
        boot(console, host)
        before = clocks_at_the_end(console, "reboot -f")
        boot(console, host)
        console.run("sleep 60", 600)
        after = clocks_at_the_end(console, "poweroff -f")
        assert after - before == pytest.approx(0, abs=0.005 * 60)
