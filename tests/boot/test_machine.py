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
from boot.machines.watch import ALL_STOPPED, Watch
from hypervisor.image import REPOSITORY, build_images

MIB = 1 << 20
OTHER_ROOTS = ("hypervisor.cpu.traps", "boot.entry.entry", "boot.entry.pvh")


@pytest.fixture(scope="module")
def images() -> dict[str, Path]:
    return build_images()


def build(name: str, folder: Path, profile: str = "release") -> Path:
    image = folder / "amd-v.elf"
    command = [sys.executable, "-m", "hypervisor.image_program", "amd-v", profile, str(image), name, *OTHER_ROOTS]
    subprocess.run(command, cwd=REPOSITORY, check=True)
    return image


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("tests.boot.broken_monitor", tmp_path_factory.mktemp("broken"))


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("tests.boot.echo_monitor", tmp_path_factory.mktemp("echo"))


def console(machine: Machine, expected: bytes | None, seconds: float = 60) -> str:
    with start(machine) as emulator:
        session = Session(emulator, Watch(expected), time.monotonic() + seconds)
        session.run()
        return session.output.decode(errors="replace").replace("\r", "")


def panic_of(image: Path, command_line: str, archive: Path | None = None) -> list[str]:
    arguments = ("-append", command_line)
    text = console(Machine(Host.QEMU, kernel=image, archive=archive, memory=64 * MIB, arguments=arguments), None)
    lines = text.splitlines()
    first = next((number for number, line in enumerate(lines) if line.startswith("keelback: PANIC: ")), None)
    assert first is not None, text
    return lines[first:]


def assert_owned(text: str) -> None:
    lines = text.splitlines()
    assert all(line.startswith("keelback: ") for line in lines[lines.index("keelback: Keelback, started by PVH") :])
    assert "keelback: all guests have stopped" in lines


@pytest.mark.parametrize("memory", [32, 256, 5120])
def test_the_machine_is_taken_over_after_pvh(images: dict[str, Path], memory: int) -> None:
    machine = Machine(Host.QEMU, kernel=images["amd-v"], memory=memory * MIB)
    assert_owned(console(machine, ALL_STOPPED))


@pytest.mark.parametrize("cpu", ["qemu64,+svm", "EPYC,+svm,-xsave,-smap,-smep", "max"])
def test_processors_without_this_or_that_do(images: dict[str, Path], cpu: str) -> None:
    machine = Machine(Host.QEMU, kernel=images["amd-v"], memory=64 * MIB, cpu=cpu)
    assert_owned(console(machine, ALL_STOPPED))


@pytest.mark.parametrize("host", [Host.QEMU, Host.BOCHS])
def test_the_machine_is_taken_over_from_the_iso(
    images: dict[str, Path], archive: Path, tmp_path: Path, host: Host
) -> None:
    iso = build_iso(images, archive, tmp_path / "machine.iso")
    text = console(Machine(host, iso=iso, memory=256 * MIB), ALL_STOPPED)
    assert "keelback: Keelback, started by BIOS" in text
    assert "keelback: all guests have stopped" in text
    assert "PANIC" not in text


def test_the_clock_counts_instructions_where_the_machine_does(images: dict[str, Path]) -> None:
    machine = Machine(Host.QEMU, kernel=images["amd-v"], memory=64 * MIB, icount=True)
    line = next(line for line in console(machine, ALL_STOPPED).splitlines() if "clock: TSC" in line)
    khz = int(line.split()[3])
    assert abs(khz - 1_000_000) < 100


def symbol_archive(images: list[Path], out: Path) -> Path:
    entries = [Entry(FileKind.SYMBOLS, image.name, image.with_suffix(".sym")) for image in images]
    return write_archive([Entry(FileKind.MANIFEST, "manifest", b""), *entries], out)


def test_a_failed_check_names_its_place_and_the_calls(broken: Path, images: dict[str, Path], tmp_path: Path) -> None:
    archive = symbol_archive([images["vt-x"], broken, images["amd-v"]], tmp_path / "archive")
    report = panic_of(broken, "?", archive)
    assert "tests/boot/broken_monitor.py:" in report[0]
    assert any("break_by at tests/boot/broken_monitor.py:" in line for line in report[1:])
    assert any("start_on_own_stack at tests/boot/broken_monitor.py:" in line for line in report[1:])


def test_locks_in_a_wrong_order_panic_in_the_debug_profile_with_both_places(tmp_path: Path) -> None:
    image = build("tests.boot.broken_monitor", tmp_path, "debug")
    report = panic_of(image, "o", symbol_archive([image], tmp_path / "archive"))
    assert report[0] == "keelback: PANIC: lock order: FRAMES wanted while this processor holds CONSOLE"
    assert any("break_by at tests/boot/broken_monitor.py:" in line for line in report[1:])


def test_a_panic_appears_though_another_processor_never_lets_go_of_the_console(broken: Path) -> None:
    assert "invalid opcode" in panic_of(broken, "l")[0]


def test_a_trap_names_its_place_and_the_calls(broken: Path, tmp_path: Path) -> None:
    report = panic_of(broken, "w", symbol_archive([broken], tmp_path / "archive"))
    place = next(number for number, line in enumerate(report) if "0xffffffff8" in line)
    assert "tests.boot.broken_monitor.break_by" in report[place]
    assert "start_on_own_stack at tests/boot/broken_monitor.py:" in report[place + 1]


def test_symbols_of_another_image_are_not_believed(broken: Path, images: dict[str, Path], tmp_path: Path) -> None:
    report = panic_of(broken, "w", symbol_archive([images["amd-v"]], tmp_path / "archive"))
    assert not any(".py" in line for line in report)


@pytest.mark.parametrize(
    ("letter", "words"),
    [
        ("w", "page fault"),
        ("x", "page fault"),
        ("g", "page fault"),
        ("n", "page fault"),
        ("s", "double fault"),
        ("i", "invalid opcode"),
    ],
)
def test_a_trap_is_reported_with_its_registers(broken: Path, letter: str, words: str) -> None:
    report = panic_of(broken, letter)
    assert words in report[0]
    assert any("rip " in line and "rsp " in line for line in report)
    assert any("cr2 " in line for line in report)


def test_code_cannot_be_written_and_data_cannot_be_executed(broken: Path) -> None:
    assert "error code 0x3" in panic_of(broken, "w")[0]
    assert "error code 0x11" in panic_of(broken, "x")[0]


PASTE = b"".join(b"line %04d of a paste that must arrive whole, every byte of it\r\n" % number for number in range(66))


def echoed(machine: Machine) -> str:
    with start(machine) as emulator:
        session = Session(emulator, Watch(b"keelback: echo"), time.monotonic() + 60)
        session.run()
        session.watch = Watch(b"UART interrupts")
        session.unsent += PASTE + b"\x04"
        session.deadline = time.monotonic() + 60
        session.run()
        return session.output.decode(errors="replace")


@pytest.mark.parametrize("host", [Host.QEMU, Host.BOCHS])
def test_a_paste_of_4_kib_loses_nothing_and_runs_by_interrupt(
    echo: Path, archive: Path, tmp_path: Path, host: Host
) -> None:
    iso = build_iso({"vt-x": echo, "amd-v": echo}, archive, tmp_path / "echo.iso")
    text = echoed(Machine(host, iso=iso, memory=64 * MIB))
    assert PASTE.decode() in text
    assert int(text.split(" UART interrupts")[0].split()[-1]) > 100
