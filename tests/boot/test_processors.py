import subprocess
import sys
import time
from pathlib import Path

import pytest

from boot.guests.catalogue import guest_path
from boot.image.iso import build_iso
from boot.machines.emulator import start
from boot.machines.machine import MIB, Firmware, Host, Machine
from boot.machines.session import Session
from boot.machines.watch import ALL_STOPPED, Watch
from hypervisor.image import REPOSITORY, build_images
from tests.boot.crowded_monitor import SKEW
from tests.guests_boot.archive import archive_of

ROOTS = ("tests.boot.crowded_monitor", "hypervisor.cpu.traps", "boot.entry.entry", "boot.entry.pvh")
CPUS = 4
LAST_LINE = b"No bootstrap code loaded with"
WITHOUT_TSC_ADJUST = "corei7_sandy_bridge_2600k"


@pytest.fixture(scope="module")
def images() -> dict[str, Path]:
    return build_images()


@pytest.fixture(scope="module")
def machine_iso(images: dict[str, Path], archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_iso(images, archive, tmp_path_factory.mktemp("processors") / "machine.iso")


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("crowded")
    images = {vendor: folder / f"{vendor}.elf" for vendor in ("vt-x", "amd-v")}
    for vendor, image in images.items():
        command = [sys.executable, "-m", "hypervisor.image_program", vendor, "release", str(image), *ROOTS]
        subprocess.run(command, cwd=REPOSITORY, check=True)
    return images


def lines_of(machine: Machine, expected: bytes | None, seconds: float = 90) -> list[str]:
    with start(machine) as emulator:
        session = Session(emulator, Watch(expected), time.monotonic() + seconds)
        session.run()
        return session.output.decode(errors="replace").replace("\r", "").splitlines()


def assert_all_run(lines: list[str], cpus: int = CPUS) -> None:
    assert f"keelback: {cpus} processors run" in lines, "\n".join(lines)
    assert "keelback: all guests have stopped" in lines
    assert not any("left out" in line or "PANIC" in line for line in lines)


@pytest.mark.parametrize("cpus", [1, 2, CPUS])
def test_all_processors_run_after_pvh(images: dict[str, Path], cpus: int) -> None:
    assert_all_run(lines_of(Machine(Host.QEMU, kernel=images["amd-v"], memory=64 * MIB, cpus=cpus), ALL_STOPPED), cpus)


@pytest.mark.parametrize("firmware", Firmware)
def test_all_processors_run_after_the_firmware(machine_iso: Path, firmware: Firmware) -> None:
    machine = Machine(Host.QEMU, firmware, iso=machine_iso, memory=256 * MIB, cpus=CPUS)
    assert_all_run(lines_of(machine, ALL_STOPPED))


def test_all_processors_run_on_vt_x_in_x2apic_mode(machine_iso: Path) -> None:
    lines = lines_of(Machine(Host.BOCHS, iso=machine_iso, memory=64 * MIB, cpus=CPUS), ALL_STOPPED)
    assert_all_run(lines)
    assert any("interrupts: x2APIC 0" in line for line in lines)


def test_without_virtualization_they_run_too(images: dict[str, Path]) -> None:
    machine = Machine(Host.QEMU, kernel=images["amd-v"], memory=64 * MIB, cpus=CPUS, cpu="EPYC,-svm")
    assert_all_run(lines_of(machine, ALL_STOPPED))


def test_one_thread_of_each_core_runs(images: dict[str, Path]) -> None:
    arguments = ("-smp", "8,sockets=1,cores=4,threads=2")
    lines = lines_of(Machine(Host.QEMU, kernel=images["amd-v"], memory=64 * MIB, arguments=arguments), ALL_STOPPED)
    assert any(line.startswith("keelback: 4 hyperthreads rest: ") for line in lines), "\n".join(lines)
    assert_all_run(lines, 4)


def test_more_processors_than_there_is_room_for_are_counted_and_left_alone(images: dict[str, Path]) -> None:
    machine = Machine(Host.QEMU, kernel=images["amd-v"], memory=64 * MIB, cpus=66)
    lines = lines_of(machine, ALL_STOPPED)
    assert "keelback: warning: 2 more processors are left alone: Keelback uses 64 at most" in lines
    assert "keelback: 64 processors run" in lines


def test_every_processor_answers_a_kick(images: dict[str, Path]) -> None:
    machine = Machine(Host.QEMU, kernel=images["amd-v"], memory=64 * MIB, cpus=CPUS, arguments=("-append", "check"))
    lines = lines_of(machine, b"the check is complete: guests ")
    assert "keelback: processors: 4 used, 0 left out; 3 of 3 answer a call" in lines, "\n".join(lines)


def test_every_processor_answers_a_kick_in_x2apic_mode(machine_iso: Path) -> None:
    machine = Machine(Host.BOCHS, iso=machine_iso, memory=64 * MIB, cpus=CPUS)
    with start(machine) as emulator:
        Session(emulator, Watch(b"2 Check this machine"), time.monotonic() + 60).run()
        emulator.serial.send(b"2")
        session = Session(emulator, Watch(b"on this machine"), time.monotonic() + 60)
        session.run()
        assert "processors: 4 used, 0 left out; 3 of 3 answer a call" in session.output.decode()


def panic_with(image: Path, letter: str) -> list[str]:
    machine = Machine(Host.QEMU, kernel=image, memory=64 * MIB, cpus=CPUS, arguments=("-append", letter))
    lines = lines_of(machine, None)
    reports = [number for number, line in enumerate(lines) if "PANIC: " in line]
    assert len(reports) == 1, "\n".join(lines)
    return lines[reports[0] :]


def test_processors_that_panic_at_once_give_one_report(crowded: dict[str, Path]) -> None:
    report = panic_with(crowded["amd-v"], "a")
    assert report[0].endswith("cannot go on")
    assert report[1].startswith("keelback:   on processor ") and report[1].endswith(" of 4")
    assert not any("has not stopped" in line for line in report)
    assert len(report) >= 3 and all(line.startswith("keelback:   0x") for line in report[2:])


def test_a_panic_of_another_processor_stops_the_first(crowded: dict[str, Path]) -> None:
    report = panic_with(crowded["amd-v"], "o")
    assert report[0] == "keelback: PANIC: processor 1 cannot go on"
    assert report[1] == "keelback:   on processor 1 of 4"
    assert not any("has not stopped" in line for line in report)


def test_a_processor_that_does_not_answer_is_named_in_the_report(crowded: dict[str, Path]) -> None:
    report = panic_with(crowded["amd-v"], "d")
    assert [line for line in report if "has not stopped" in line] == ["keelback:   processor 2 has not stopped"]


@pytest.fixture(scope="module")
def crowded_iso(crowded: dict[str, Path], archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_iso(crowded, archive, tmp_path_factory.mktemp("crowded") / "crowded.iso")


def test_a_clock_that_differs_is_corrected(crowded_iso: Path) -> None:
    lines = lines_of(Machine(Host.BOCHS, iso=crowded_iso, memory=64 * MIB, cpus=3), b"the clock has been looked at")
    warnings = [line for line in lines if "its TSC was not that of the first; IA32_TSC_ADJUST corrects it" in line]
    assert len(warnings) == 2, "\n".join(lines)
    assert "keelback: 3 processors run" in lines


def test_a_processor_whose_clock_cannot_be_corrected_is_left_out(crowded_iso: Path) -> None:
    machine = Machine(Host.BOCHS, iso=crowded_iso, memory=64 * MIB, cpus=3, cpu=WITHOUT_TSC_ADJUST)
    lines = lines_of(machine, b"the clock has been looked at")
    ticks = [int(line.split(" ticks behind")[0].split()[-1]) for line in lines if "its TSC is not that of" in line]
    assert len(ticks) == 2 and all(0 < each <= SKEW for each in ticks), "\n".join(lines)
    assert "keelback: 1 processors run" in lines


@pytest.fixture(scope="module")
def mach(tmp_path_factory: pytest.TempPathFactory) -> Path:
    assert guest_path("gnumach").exists()
    return archive_of(REPOSITORY / "examples" / "gnumach.toml", tmp_path_factory.mktemp("mach"))


@pytest.mark.parametrize("host", [Host.QEMU, Host.BOCHS])
def test_a_guest_runs_beside_processors_that_rest(
    images: dict[str, Path], mach: Path, tmp_path: Path, host: Host
) -> None:
    iso = build_iso(images, mach, tmp_path / "mach.iso")
    lines = lines_of(Machine(host, iso=iso, memory=512 * MIB, cpus=CPUS), LAST_LINE, 150)
    assert f"keelback: {CPUS} processors run" in lines
    assert any(LAST_LINE.decode() in line for line in lines), "\n".join(lines)
