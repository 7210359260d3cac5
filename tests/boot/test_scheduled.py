"""Weights, caps and budgets of a configuration, measured by the monitor on the machine."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from boot.image.archive import Entry, write_archive
from boot.image.iso import build_iso
from boot.info import FileKind
from boot.machines.emulator import start
from boot.machines.machine import MIB, Host, Machine
from boot.machines.session import Session
from boot.machines.watch import Outcome, Watch
from hypervisor.config.check import load_config
from hypervisor.config.pack import pack_manifest
from hypervisor.image import REPOSITORY

ROOTS = ("tests.boot.timed_monitor", "hypervisor.cpu.traps", "boot.entry.entry", "boot.entry.pvh")
USED = re.compile(r"used by (\d+): (\d+) of (\d+) us")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("scheduled"), "release", "amd-v", "vt-x")


def built(folder: Path, profile: str, *vendors: str) -> Path:
    """The monitor and the guest, in `folder`."""
    for vendor in vendors:
        command = [sys.executable, "-m", "hypervisor.image_program", vendor, profile, str(folder / f"{vendor}.elf")]
        subprocess.run([*command, *ROOTS], cwd=REPOSITORY, check=True)
    subprocess.run([sys.executable, "-m", "tests.guests.kernel", str(folder / "spin")], check=True, cwd=REPOSITORY)
    return folder


def measured(
    folder: Path, *vms: str, memory: int = 512 * MIB, cpus: int = 1, host: Host = Host.QEMU
) -> tuple[list[float], str]:
    """The part of one processor that each vCPU has had; guests spin on all of theirs."""
    vm = '[[vm]]\nname = "vm{}"\nkernel = "spin"\ncmdline = "spin"\nmemory = "32M"\n{}\n'
    (folder / "vms.toml").write_text("".join(vm.format(i, keys) for i, keys in enumerate(vms)))
    manifest, files = pack_manifest(load_config(folder / "vms.toml"))
    guests = [Entry(FileKind.GUEST, file.name, file) for file in files]
    archive = write_archive([Entry(FileKind.MANIFEST, "manifest", manifest), *guests], folder / "archive")
    if host is Host.QEMU:
        machine = Machine(host, kernel=folder / "amd-v.elf", archive=archive, memory=memory, cpus=cpus, icount=True)
    else:
        images = {vendor: folder / f"{vendor}.elf" for vendor in ("vt-x", "amd-v")}
        # At 20 MIPS a request is 60,000 instructions, of which the monitor takes few.
        iso = build_iso(images, archive, folder / "iso")
        machine = Machine(host, iso=iso, memory=memory, cpus=cpus, ips=20_000_000)
    with start(machine) as emulator:
        session = Session(emulator, Watch(b"switches: "), time.monotonic() + 120)
        assert session.run() is Outcome.FOUND, session.tail()
        text = session.tail()
    return [int(used) / int(elapsed) for _, used, elapsed in USED.findall(text)], text


def test_three_spinning_guests_have_the_processor_by_weight(folder: Path) -> None:
    used, text = measured(folder, "weight = 400", "weight = 200", "weight = 100")
    assert len(used) == 3, text
    assert [each * 7 / sum(used) for each in used] == pytest.approx([4, 2, 1], rel=0.03)
    assert sum(used) > 0.9


@pytest.mark.parametrize("host", [Host.QEMU, Host.BOCHS])
def test_two_processors_are_shared_by_weight_also_with_a_vm_that_uses_both(folder: Path, host: Host) -> None:
    used, text = measured(folder, "weight = 400\nvcpus = 2", "weight = 200", "weight = 100", cpus=2, host=host)
    assert len(used) == 4, text
    assert [each * 7 / sum(used) for each in (used[0] + used[1], *used[2:])] == pytest.approx([4, 2, 1], rel=0.03)
    assert sum(used) > 1.9


def test_a_weight_that_cannot_be_met_leaves_its_excess_to_the_others_by_theirs(folder: Path) -> None:
    used, text = measured(folder, "weight = 10000", "weight = 200", "weight = 100", cpus=2)
    assert used == pytest.approx([1, 2 / 3, 1 / 3], rel=0.03), text


def test_equal_weights_are_equal_shares_whatever_the_number_of_vcpus(folder: Path) -> None:
    used, text = measured(folder, "vcpus = 4", "", cpus=2)
    assert [sum(used[:4]), used[4]] == pytest.approx([1, 1], rel=0.03), text


def test_caps_and_budgets_hold_and_a_processor_that_does_not_run_is_an_error_in_words(folder: Path) -> None:
    used, text = measured(folder, "weight = 10000\ncap = 20", 'budget = "3ms"\nperiod = "10ms"', "", "cpus = [1]")
    assert len(used) == 3, text
    assert used[:2] == pytest.approx([0.2, 0.3], rel=0.02)
    assert used[2] > 0.4
    assert "vm3: cannot be made: `cpus` names a processor that this machine" in text


def test_sixteen_guests_share_fifteen_asids_and_a_debug_image_asserts_at_each_entry(tmp_path: Path) -> None:
    used, text = measured(built(tmp_path, "debug", "amd-v"), *[""] * 16, memory=1024 * MIB)
    assert used == pytest.approx([1 / 16] * 16, rel=0.06), text
