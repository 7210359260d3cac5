from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from hypervisor.config.limits import MAX_VCPUS
from tests.guests_boot.command import Run, run
from tests.guests_boot.configurations import CLOUD, CONSOLE, GENERIC, REAL_TIME, Guest, write_configuration

MARK = "keelback-guest: processors: "
PASSED = "keelback-guest: test processors passed"
# Words of a kernel that doubts its processors, its interrupts or its time.
DOUBTS = (
    r"clocksource: .*unstable",
    r"Marking TSC unstable",
    r"TSC warp",
    r"soft lockup",
    r"NMI watchdog: (?!Perf NMI watchdog permanently disabled)",
    r"rcu.*(stall|starved)",
    r"APIC id mismatch",
    r"Firmware Bug",
    r"MP-BIOS bug",
    r"No irq handler for vector",
    r"(?i)not responding",
    r"unchecked MSR access",
    r"BUG:|Call Trace",
)


def boot(folder: Path, host: str, guest: Guest, vcpus: int, options: str = "", cpus: int = 2) -> Run:
    command_line = f"{CONSOLE} kb.test=processors kb.seconds=2 {options}".strip()
    config = write_configuration(folder, replace(guest, vcpus=vcpus, command_line=command_line))
    done = run(config, host, PASSED, "--cpus", str(cpus))
    assert done.status == 0, done.messages
    return done


def said(console: str, key: str) -> list[str]:
    """The words of the lines that the guest's script printed of `key`."""
    return [word for line in re.findall(rf"{MARK}{key}: (.*)", console) for word in line.split()]


def the_guest_has_one_package_of_single_threads(console: str, vcpus: int) -> None:
    numbers = [str(number) for number in range(vcpus)]
    everyone = f"0-{vcpus - 1}"
    assert f"smp: Brought up 1 node, {vcpus} CPUs" in console
    assert f"Total of {vcpus} processors activated" in console
    assert "smpboot: Max logical packages: 1" in console
    assert said(console, "nproc") == [str(vcpus)]
    assert said(console, "online") == [everyone]
    assert said(console, "physical id") == ["0"] * vcpus
    assert said(console, "siblings") == said(console, "cpu cores") == [str(vcpus)] * vcpus
    assert said(console, "core id") == numbers
    assert said(console, "apicid") == said(console, "initial apicid") == numbers
    assert said(console, "threads") == numbers
    assert set(said(console, "cache [12]")) == {"0"}
    assert set(said(console, "cache 3")) == {everyone}


def every_processor_works(console: str, vcpus: int) -> None:
    assert sorted(map(int, said(console, "ran"))) == list(range(vcpus))
    assert all(int(count) > 0 for count in said(console, "ticks"))
    assert len(said(console, "ticks")) == vcpus


def the_kernel_has_no_doubts(console: str) -> None:
    doubts = [line for line in console.splitlines() if any(re.search(words, line) for words in DOUBTS)]
    assert not doubts


LONG = pytest.mark.long
BOOTS = [
    pytest.param("qemu", CLOUD, 4, id="qemu-cloud-4"),
    pytest.param("qemu", replace(GENERIC, kvm_signature=False), 2, id="qemu-generic-xapic-2"),
    pytest.param("qemu", GENERIC, 4, id="qemu-generic-4", marks=LONG),
    pytest.param("qemu", REAL_TIME, 2, id="qemu-rt-2", marks=LONG),
    pytest.param("qemu", REAL_TIME, 4, id="qemu-rt-4", marks=LONG),
    pytest.param("bochs", GENERIC, 1, id="bochs-generic-1", marks=LONG),
    pytest.param("bochs", REAL_TIME, 1, id="bochs-rt-1", marks=LONG),
]


@pytest.mark.parametrize(("host", "guest", "cpus"), BOOTS)
def test_four_vcpus_are_four_processors_for_linux(tmp_path: Path, host: str, guest: Guest, cpus: int) -> None:
    console = boot(tmp_path, host, guest, 4, cpus=cpus).console
    the_guest_has_one_package_of_single_threads(console, 4)
    every_processor_works(console, 4)
    the_kernel_has_no_doubts(console)
    assert "Using ACPI (MADT) for SMP configuration information" in console
    assert ("PREEMPT_RT" in console) == (guest is REAL_TIME)


@pytest.mark.parametrize("host", ["qemu", pytest.param("bochs", marks=LONG)])
def test_linux_without_acpi_finds_its_processors_in_the_mp_tables(tmp_path: Path, host: str) -> None:
    console = boot(tmp_path, host, GENERIC, 4, "acpi=off", cpus=2 if host == "qemu" else 1).console
    the_guest_has_one_package_of_single_threads(console, 4)
    every_processor_works(console, 4)
    the_kernel_has_no_doubts(console)
    assert "found SMP MP-table" in console
    assert "ACPI: RSDP" not in console


@pytest.mark.long
def test_as_many_vcpus_as_a_vm_may_have_start(tmp_path: Path) -> None:
    guest = replace(GENERIC, memory="512M", vcpus=MAX_VCPUS)
    done = run(write_configuration(tmp_path, guest), "qemu", f"smp: Brought up 1 node, {MAX_VCPUS} CPUs")
    assert done.status == 0, done.messages
    the_kernel_has_no_doubts(done.console)
