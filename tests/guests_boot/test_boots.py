from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.guests_boot.command import run
from tests.guests_boot.configurations import CLOUD, GENERIC, MACH, MEMTEST, Guest, write_configuration

USER_SPACE = "keelback-guest: user space reached"
LAST_WORDS = {
    CLOUD: USER_SPACE,
    GENERIC: USER_SPACE,
    MACH: "No bootstrap code loaded with the kernel!",
    MEMTEST: "Memtest86+ v6.10",
}
ISO, UEFI, DIRECT = (), ("--firmware", "uefi"), ("--direct",)
WAYS = [
    pytest.param("qemu", CLOUD, DIRECT, id="qemu-cloud-direct"),
    pytest.param("qemu", CLOUD, UEFI, id="qemu-cloud-uefi"),
    pytest.param("qemu", GENERIC, ISO, id="qemu-generic"),
    pytest.param("qemu", MACH, ISO, id="qemu-mach"),
    pytest.param("qemu", MACH, UEFI, id="qemu-mach-uefi"),
    pytest.param("qemu", MEMTEST, ISO, id="qemu-memtest"),
    pytest.param("bochs", MACH, ISO, id="bochs-mach"),
    pytest.param("bochs", MEMTEST, ISO, id="bochs-memtest"),
    pytest.param("bochs", GENERIC, ISO, id="bochs-generic", marks=pytest.mark.long),
]


@pytest.mark.parametrize(("host", "guest", "options"), WAYS)
def test_the_guest_reaches_its_text(tmp_path: Path, host: str, guest: Guest, options: tuple[str, ...]) -> None:
    done = run(write_configuration(tmp_path, guest), host, LAST_WORDS[guest], *options)
    assert done.status == 0, done.messages
    assert "PANIC" not in done.console


@pytest.mark.parametrize("host", ["qemu", "bochs"])
def test_linux_finds_its_timer_without_the_kvm_signature(tmp_path: Path, host: str) -> None:
    guest = replace(CLOUD, kvm_signature=False)
    done = run(write_configuration(tmp_path, guest), host, USER_SPACE)
    assert done.status == 0, done.messages
    assert "Hypervisor detected" not in done.console
    assert "MP-BIOS bug" not in done.console
    assert "clocksource: Switched to clocksource" in done.console


def test_expecting_what_never_comes_fails_when_the_guest_has_stopped(tmp_path: Path) -> None:
    guest = replace(CLOUD, command_line="console=ttyS0 kb.test=poweroff")
    done = run(write_configuration(tmp_path, guest), "qemu", "no guest says this", "--direct")
    assert done.status == 1
    assert "all guests have stopped" in done.messages
    assert "reboot: Power down" in done.console
