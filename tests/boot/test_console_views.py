"""The console's views and the shell on a booted machine with two VMs, typed at over the serial line."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from boot.machines.machine import MIB, Host, Machine
from hypervisor.image import build_images
from tests.guests_boot.archive import archive_of, own_kernel
from tests.guests_boot.configurations import MACH, Guest, write_configuration
from tests.guests_boot.dialog import Dialog, dialog

SECONDS = 60
MACH_ENDS = "No bootstrap code loaded with the kernel!"
PROMPT = "keelback> "


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return own_kernel(tmp_path_factory.mktemp("kernel"))


def machine(folder: Path, *guests: Guest, cpus: int = 1) -> Machine:
    """Booted without firmware, from the images that `build.py run` uses."""
    archive = archive_of(write_configuration(folder, *guests), folder)
    return Machine(Host.QEMU, kernel=build_images()["amd-v"], archive=archive, memory=512 * MIB, cpus=cpus)


def ask(console: Dialog, line: str) -> str:
    """What the shell answers."""
    console.type(f"{line}\r")
    console.wait(f"{line}\n", SECONDS)
    return console.wait(PROMPT, SECONDS).removesuffix(PROMPT)


def test_two_guests_are_switched_between_and_the_shell_answers(hostile: Path, tmp_path: Path) -> None:
    spin = Guest("spinner", hostile, "spin", "32M")
    with dialog(machine(tmp_path, MACH, spin)) as console:
        console.wait(MACH_ENDS, SECONDS)
        console.type("\x01m")
        console.wait(PROMPT, SECONDS)
        listed = ask(console, "list").splitlines()
        assert listed[0].startswith("0: mach, ") and listed[1].startswith("1: spinner, RUNNING, 1 vCPU (0 asleep")
        stats = ask(console, "stats spinner")
        total = re.match(r"spinner vCPU 0: (\d+) exits\n", stats)
        counted = re.findall(r"^ +(\d+) [A-Z_]+$", stats, re.MULTILINE)
        assert total is not None and sum(map(int, counted)) == int(total[1]) > 0
        assert "weight 20" in ask(console, "weight spinner 20")
        assert "weight 20," in ask(console, "list")
        console.type("\x011")
        console.wait("the console of spinner", SECONDS)
        console.wait("guest: spin", SECONDS)  # said long ago: from the scrollback
        assert "mach" not in console.output[console.seen :]
        console.type("\x01'mach\r")
        console.wait("the console of mach", SECONDS)
        console.wait(MACH_ENDS, SECONDS)
        console.type("\x01m")
        console.wait(PROMPT, SECONDS)
        assert "Tab completes" in ask(console, "help")


def test_the_shell_is_used_while_guests_run_on_two_processors(hostile: Path, tmp_path: Path) -> None:
    first = Guest("first", hostile, "spin", "32M")
    flood = Guest("flood", hostile, "flood", "32M")
    with dialog(machine(tmp_path, first, flood, cpus=2)) as console:
        console.wait("[first] guest: spin", SECONDS)
        console.wait("[flood] guest: flood", SECONDS)
        console.type("\x01m")
        console.wait(PROMPT, SECONDS)
        ask(console, "top")
        time.sleep(0.5)
        percents = [float(percent) for percent in re.findall(r"^ *([\d.]+)%", ask(console, "top"), re.MULTILINE)]
        assert len(percents) == 2 and min(percents) > 50  # each has a processor
        listed = ask(console, "list").splitlines()
        masks = [int(re.findall(r"\(0 asleep, cpus (0x\d)\)", line)[0], 16) for line in listed]
        assert sorted(masks) == [1, 2]
        idle = [float(share) for share in re.findall(r"cpu \d: APIC \d, idle ([\d.]+)%", ask(console, "cpus"))]
        assert len(idle) == 2
        assert "weight 7" in ask(console, "weight flood 7")
        assert "cap 50" in ask(console, "cap first 50")
        ask(console, "top")
        time.sleep(0.5)
        capped = re.search(r"([\d.]+)% of a processor: first", ask(console, "top"))
        assert capped is not None and float(capped[1]) < 75
        sent_before = sent(ask(console, "info flood"))
        console.type("\x01flood\r")
        console.wait("the console of flood", SECONDS)
        console.wait("guest: flood\n" * 100, SECONDS)
        console.type("\x01m")
        console.wait(PROMPT, SECONDS)
        assert sent(ask(console, "info flood")) > sent_before


def test_a_flooding_guest_keeps_nobody_from_the_shell_nor_from_another_guest(hostile: Path, tmp_path: Path) -> None:
    flood = Guest("flood", hostile, "flood", "32M")
    with dialog(machine(tmp_path, flood, MACH)) as console:
        console.wait("[flood] guest: flood", SECONDS)
        console.wait(MACH_ENDS, SECONDS)
        console.type("\x01m")
        console.wait(PROMPT, SECONDS)
        first = sent(ask(console, "info flood"))
        assert "flood" not in ask(console, "mem")
        deadline = time.monotonic() + SECONDS
        while sent(ask(console, "info flood")) == first:  # it goes on, unseen
            assert time.monotonic() < deadline
            time.sleep(0.1)


def sent(info: str) -> int:
    """How many bytes the guest has sent, by `info`."""
    found = re.search(r"its console has sent (\d+) bytes", info)
    assert found is not None, info
    return int(found[1])
