from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from boot.image.archive import Entry, write_archive
from boot.image.iso import build_iso
from boot.info import FileKind
from boot.machines.emulator import start
from boot.machines.machine import Host, Machine
from boot.machines.session import Session
from boot.machines.watch import Watch

ROOTS = ("tests.vmx.probe", "hypervisor.cpu.traps", "boot.entry.entry", "boot.entry.pvh")


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    scratch: Path = tmp_path_factory.mktemp("vmx")
    image = scratch / "probe.elf"
    build = [sys.executable, "-m", "hypervisor.image_program", "vt-x", "release", str(image), *ROOTS]
    subprocess.run(build, check=True)
    archive = write_archive([Entry(FileKind.MANIFEST, "manifest", b"m")], scratch / "archive.kba")
    iso = build_iso({"vt-x": image, "amd-v": image}, archive, scratch / "probe.iso")
    with start(Machine(Host.BOCHS, iso=iso, memory=256 << 20)) as emulator:
        session = Session(emulator, Watch(b"end of probe"), time.monotonic() + 60)
        session.run()
        text = session.output.decode(errors="replace").replace("\r", "")
    return [line.removeprefix("keelback: ") for line in text.splitlines() if line.startswith("keelback: ")]


def after(lines: list[str], start: str, count: int = 1) -> list[str]:
    """The line that begins so, and those behind it."""
    place = next(i for i, line in enumerate(lines) if line.startswith(start))
    return lines[place : place + count]


def test_the_probe_reaches_its_end(lines):
    assert lines[0] == "missing PRESENT"
    assert lines[-1] == "end of probe"
    assert not [line for line in lines if line.startswith("unexpected")]


def test_cpuid_and_wbinvd_leave_the_guest(lines):
    assert after(lines, "exit CPUID") and after(lines, "exit WBINVD")


def test_port_instructions_leave_with_port_width_and_direction(lines):
    assert after(lines, "port 0x21") == ["port 0x21 width 1 in True string False"]
    assert after(lines, "port 0xcf8", 3)[::2] == [
        "port 0xcf8 width 4 in False string False",
        "port 0xcf8 width 1 in True string True",
    ]


def test_an_injected_protection_fault_reaches_a_real_mode_handler(lines):
    assert after(lines, "exit RDMSR", 3)[1].endswith("al 5")
    assert after(lines, "exit RDMSR", 3)[2].endswith("al 1")


def test_a_write_of_cr0_that_changes_our_bits_leaves(lines):
    assert after(lines, "register")[0].startswith("register 0 write True gpr 0")


def test_a_first_touch_of_absent_memory_leaves_and_is_repeated(lines):
    assert after(lines, "memory") == ["memory 0x20010 linear 0x20010 write True"]
    assert after(lines, "memory", 2)[1].startswith("exit HLT")


def test_an_interrupt_wakes_a_halted_guest(lines):
    assert after(lines, "can take an interrupt: True")
    assert after(lines, "can take", 2)[1].startswith("exit HYPERCALL") and after(lines, "can take", 2)[1].endswith(
        "al 2"
    )


def test_vmxon_in_a_real_mode_guest_is_undefined(lines):
    places = [line.rsplit(" ", 1)[1] for line in lines if line.startswith("exit HYPERCALL")]
    assert places == ["5", "1", "2", "4", "3"]


def test_the_preemption_timer_ends_a_loop_and_the_interrupt_window_opens(lines):
    assert [line.split()[1] for line in after(lines, "exit PREEMPTION", 2)] == ["PREEMPTION", "INTERRUPT_WINDOW"]


def test_the_auditor_agrees_with_the_processor(lines):
    refused = [i for i, line in enumerate(lines) if line == "exit ENTRY_FAILED"]
    broken = [line for line in lines if line.startswith("broken: ")]
    assert len(refused) == len(broken) == 3
    assert ["27.3.1.2" in broken[0], "27.3.1.4" in broken[1], "27.3.1.4" in broken[2]] == [True] * 3
