"""Pause, resume, reset, power button, kill, destroy and start again, and what follows the ends of guests."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from boot.machines.emulator import start
from boot.machines.machine import MIB, Host, Machine
from boot.machines.session import Session
from boot.machines.watch import Outcome, Watch
from hypervisor.image import REPOSITORY
from tests.guests_boot.archive import archive_of

ROOTS = (
    "tests.boot.lifecycle_monitor",
    "hypervisor.cpu.traps",
    "boot.entry.entry",
    "boot.entry.pvh",
    "hypervisor.cpu.smp.arrive",
    "hypervisor.cpu.smp.trampoline",
)
STOPPED = "all guests have stopped"
CYCLES = re.compile(r"cycles: (\d+) of (\d+) bytes free, vCPUs (0x\w+) of (0x\w+)")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lifecycle")
    command = [sys.executable, "-m", "hypervisor.image_program", "amd-v", "debug", str(folder / "amd-v.elf"), *ROOTS]
    subprocess.run(command, cwd=REPOSITORY, check=True)
    for kernel in ("kernel", "smp.kernel"):
        command = [sys.executable, "-m", f"tests.guests.{kernel}", str(folder / kernel)]
        subprocess.run(command, check=True, cwd=REPOSITORY)
    return folder


def console(folder: Path, letter: str, expect: str, *vms: str) -> str:
    """Everything that was said until `expect`; each VM is its command line, and keys behind it."""
    vm = '[[vm]]\nname = "vm{}"\nkernel = "kernel"\nmemory = "16M"\ncmdline = {}\n'
    (folder / "vms.toml").write_text("".join(vm.format(i, keys) for i, keys in enumerate(vms)))
    archive = archive_of(folder / "vms.toml", folder)
    arguments = ("-append", letter)
    machine = Machine(
        Host.QEMU, kernel=folder / "amd-v.elf", archive=archive, memory=256 * MIB, cpus=2, arguments=arguments
    )
    with start(machine) as emulator:
        session = Session(emulator, Watch(expect.encode()), time.monotonic() + 120)
        outcome = session.run()
        text = session.tail(1000)
    assert outcome is Outcome.FOUND and "PANIC" not in text and "FAIL" not in text, text
    return text


def test_a_vm_is_destroyed_and_started_again_and_no_frame_is_lost(folder: Path) -> None:
    text = console(folder, "c", "the other ran True", '"spin"', '"spin"')
    free, before, taken, taken_before = CYCLES.findall(text)[0]
    assert free == before and taken == taken_before
    assert "the other ran True" in text


def test_a_paused_vm_does_not_run_and_its_neighbour_does(folder: Path) -> None:
    text = console(folder, "p", "end of pauses", '"spin"', '"spin"')
    (paused, other) = re.findall(r"while it was paused it ran (\d+) us, the other (\d+) ms", text)[0]
    assert int(paused) == 0 and int(other) > 100
    assert "resumed: it ran True" in text
    assert "vm1: reset after" in text and "vm1: killed after" in text


def test_the_power_button_reaches_the_guest_as_an_sci(folder: Path) -> None:
    text = console(folder, "b", STOPPED, '"button"')
    assert "guest: wait for the button 0\n" in text.replace("\r", "")
    assert "guest: interrupt 29 status 100" in text and "guest: cleared 0" in text
    assert "vm0: powered off" in text


def test_what_cannot_be_done_is_refused_in_words(folder: Path) -> None:
    text = console(folder, "r", "end of refusals", '"spin"', '"spin"\nstart = "manual"')
    answers = re.findall(r"(told|refused) vm1(?:: (.*))?", text.replace("\r", ""))
    assert [words for kind, words in answers if kind == "refused"] == [
        "it runs already",
        "it is not paused",
        "it has not stopped; kill it first",
        "it does not run; start it first",
        "it does not run; start it first",
        "it does not run; start it first",
        "there is nothing of it to destroy",
    ]
    assert [kind for kind, _ in answers].count("told") == 5


def test_a_crashing_vm_is_restarted_up_to_its_limit_while_another_runs(folder: Path) -> None:
    keys = '"triple-fault"\non_crash = "restart"\nrestart_limit = 3'
    text = console(folder, "-", "stays stopped: 3 restarts within 60000 ms are its limit", '"spin"', keys)
    assert text.count("[vm1] guest: triple fault") == 4
    assert "vm1: restarted, for the 3. time" in text
    assert "vm1: stays stopped: 3 restarts within 60000 ms are its limit" in text


# What the guest does, with the configuration's answer; how often the VM starts; and the last that is said of it.
ENDS = (
    ('"reset"\nrestart_limit = 2', 3, "stays stopped: 2 restarts within 60000 ms are its limit"),
    ('"reset"\non_reboot = "stop"', 1, "reset by the guest"),
    ('"power-off"\non_poweroff = "restart"\nrestart_limit = 1', 2, "stays stopped: 1 restarts"),
    ('"power-off"', 1, "powered off"),
    ('"power-off"\non_poweroff = "destroy"', 1, "destroyed"),
    ('"triple-fault"\non_crash = "destroy"\nvcpus = 4', 1, "destroyed"),
    ('"halt-for-ever"\non_poweroff = "destroy"', 1, "destroyed"),
)


def test_what_follows_the_end_of_a_guest_is_what_the_configuration_says(folder: Path) -> None:
    text = console(folder, "-", STOPPED, *(keys for keys, _, _ in ENDS))
    for number, (_, starts, last) in enumerate(ENDS):
        said = re.findall(rf"keelback: vm{number}: (.*)", text)
        assert sum(line.startswith("started") for line in said) == starts, said
        assert any(line.startswith(last) for line in said[-2:]), said


def test_vms_start_in_their_order_each_behind_its_delay(folder: Path) -> None:
    text = console(
        folder,
        "-",
        STOPPED,
        *(f'"power-off"\n{keys}' for keys in ('order = 2\ndelay = "300ms"', "order = 1", 'order = 3\ndelay = "300ms"')),
    )
    assert re.findall(r"(vm\d): started", text) == ["vm1", "vm0", "vm2"]
    assert text.index("vm1: powered off") < text.index("vm0: started")
