from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.guests_boot.command import ROOT, Run, run
from tests.guests_boot.configurations import CLOUD, MACH, Guest, write_configuration

MACH_ENDS = "mach:No bootstrap code loaded with the kernel!"
LINUX_RUNS = "debian:keelback-guest: user space reached"


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    kernel = tmp_path_factory.mktemp("hostile") / "hostile.elf"
    subprocess.run([sys.executable, "-m", "tests.guests.kernel", str(kernel)], check=True, cwd=ROOT)
    return kernel


def beside(hostile: Path, act: str, folder: Path, host: str, neighbour: Guest, expect: str) -> Run:
    attacker = Guest("hostile", hostile, act, "32M")
    done = run(write_configuration(folder, attacker, neighbour), host, expect)
    assert done.status == 0, done.messages
    assert "PANIC" not in done.console
    return done


def test_mach_and_linux_run_side_by_side(tmp_path: Path) -> None:
    done = run(write_configuration(tmp_path, MACH, CLOUD), "qemu", LINUX_RUNS)
    assert done.status == 0, done.messages
    assert "[mach] GNU Mach 1.8" in done.console
    assert "[debian] [    0.000000] Linux version" in done.console


ACTS = {
    "triple-fault": "keelback: hostile: triple fault",
    "run-away": "ran off its memory",
    "msr-storm": "unknown MSR 0x12345678 refused",
    "flood": "[hostile] guest: flood",
}
# Bochs needs minutes to send what a flooding guest says: its serial line is slow, and an exit costs it most of all.
CASES = [(host, act) for host in ("qemu", "bochs") for act in ACTS if (host, act) != ("bochs", "flood")]


@pytest.mark.parametrize(("host", "act"), CASES)
def test_a_hostile_guest_leaves_its_neighbour_running(hostile: Path, tmp_path: Path, host: str, act: str) -> None:
    done = beside(hostile, act, tmp_path, host, MACH, MACH_ENDS)
    assert ACTS[act] in done.console


def test_a_storm_of_log_lines_is_cut_to_a_budget(hostile: Path, tmp_path: Path) -> None:
    done = beside(hostile, "msr-storm", tmp_path, "qemu", CLOUD, LINUX_RUNS)
    assert 0 < done.console.count("unknown MSR 0x12345678 refused") < 5000


def test_linux_starts_although_its_neighbour_never_halts(hostile: Path, tmp_path: Path) -> None:
    beside(hostile, "spin", tmp_path, "qemu", CLOUD, LINUX_RUNS)
