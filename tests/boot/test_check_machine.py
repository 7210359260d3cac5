import subprocess
import time
from pathlib import Path
from socket import AF_UNIX, socket, socketpair

import pytest

from boot.image.iso import build_iso
from boot.machines.emulator import start
from boot.machines.machine import MIB, Host, Machine
from boot.machines.qemu import qemu_command
from boot.machines.session import Session
from boot.machines.watch import Outcome, Watch
from hypervisor.image import build_images

END = b"the check is complete: guests "
MENU = b"2 Check this machine"
COLUMNS, ROWS = 80, 25
DEVICES = ("-device", "nvme,serial=k", "-device", "e1000e", "-device", "virtio-net-pci")


@pytest.fixture(scope="module")
def images() -> dict[str, Path]:
    return build_images()


@pytest.fixture(scope="module")
def machine_iso(images: dict[str, Path], archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_iso(images, archive, tmp_path_factory.mktemp("check") / "machine.iso")


def report_lines(machine: Machine, menu: bool) -> list[str]:
    with start(machine) as emulator:
        if menu:
            Session(emulator, Watch(MENU), time.monotonic() + 60).run()
            emulator.serial.send(b"2")
        session = Session(emulator, Watch(b"on this machine" if menu else END), time.monotonic() + 60)
        session.run()
        return session.output.decode().replace("\r", "").splitlines()


def screen_rows(qemu: socket, copy: Path) -> list[str]:
    copy.unlink(missing_ok=True)
    qemu.sendall(f'pmemsave 0xb8000 {2 * COLUMNS * ROWS} "{copy}"\n'.encode())
    until = time.monotonic() + 10
    while time.monotonic() < until and not (copy.exists() and copy.stat().st_size == 2 * COLUMNS * ROWS):
        time.sleep(0.05)
    text = copy.read_bytes()[::2].decode("latin-1")
    return [text[row * COLUMNS : (row + 1) * COLUMNS].rstrip() for row in range(ROWS)]


def screen_after_the_check(control: Path, copy: Path) -> list[str]:
    with socket(AF_UNIX) as qemu:
        qemu.connect(str(control))
        until = time.monotonic() + 60
        while not has_line(rows := screen_rows(qemu, copy), END.decode()) and time.monotonic() < until:
            time.sleep(0.2)
    return rows


def has_line(lines: list[str], *parts: str) -> bool:
    return any(all(part in line for part in parts) for line in lines)


def test_every_line_says_used_missing_or_not_supported_yet(images: dict[str, Path]) -> None:
    arguments = ("-append", "check", *DEVICES)
    machine = Machine(Host.QEMU, kernel=images["amd-v"], memory=256 * MIB, arguments=arguments)
    lines = report_lines(machine, menu=False)
    assert has_line(lines, "check of this machine: AMD EPYC Processor")
    for name in ("VT-x or AMD-V", "the firmware's permission", "second-level paging", "XSAVE", "serial port COM1"):
        assert f"keelback: {name}: used" in lines
    assert has_line(lines, "IOMMU: missing", "firmware's set-up")
    assert has_line(lines, "NVMe disk at 00:02.0 [1b36:0010]: not supported yet")
    assert has_line(lines, "Ethernet card at 00:03.0 [8086:10d3]: not supported yet")
    assert has_line(lines, "memory: 255 MiB used")
    assert not has_line(lines, "started,")


def test_an_iommu_is_on_and_denies(images: dict[str, Path]) -> None:
    for device, name in (("intel-iommu", "VT-d"), ("amd-iommu", "AMD-Vi")):
        arguments = ("-append", "check", "-device", device)
        machine = Machine(Host.QEMU, kernel=images["amd-v"], memory=256 * MIB, arguments=arguments)
        lines = report_lines(machine, menu=False)
        assert has_line(lines, f"keelback: IOMMU ({name}): used")
        assert has_line(lines, " at 0x", "every device is denied")


def test_the_menus_second_entry_checks_on_vt_x(machine_iso: Path) -> None:
    lines = report_lines(Machine(Host.BOCHS, iso=machine_iso, memory=256 * MIB), menu=True)
    assert has_line(lines, "unrestricted guests: used")
    assert has_line(lines, "IDE disk controller")
    assert has_line(lines, "the check is complete: guests can run on this machine")


@pytest.mark.parametrize("cpu", ["EPYC,+svm", "EPYC,-svm"])
def test_the_screen_shows_the_whole_report(machine_iso: Path, tmp_path: Path, cpu: str) -> None:
    control = tmp_path / "control"
    arguments = ("-monitor", f"unix:{control},server=on,wait=off")
    machine = Machine(Host.QEMU, iso=machine_iso, memory=256 * MIB, cpu=cpu, arguments=arguments)
    with start(machine) as emulator:
        assert Session(emulator, Watch(MENU), time.monotonic() + 60).run() is Outcome.FOUND
        emulator.serial.send(b"2")
        rows = screen_after_the_check(control, tmp_path / "screen")
    assert has_line(rows, "check of this machine: AMD EPYC Processor"), "\n".join(rows)
    assert has_line(rows, "VT-x or AMD-V: ", "used" if "+" in cpu else "missing")
    assert has_line(rows, "the check is complete: guests can")


def test_a_machine_without_a_uart_shows_the_report_too(images: dict[str, Path], tmp_path: Path) -> None:
    control = tmp_path / "control"
    arguments = ("-append", "check", "-monitor", f"unix:{control},server=on,wait=off")
    machine = Machine(Host.QEMU, kernel=images["amd-v"], memory=256 * MIB, arguments=arguments)
    ours, theirs = socketpair()
    command = qemu_command(machine, theirs.fileno(), tmp_path)
    command[command.index("chardev:com1")] = "none"
    with ours, theirs, subprocess.Popen(command, pass_fds=(theirs.fileno(),)) as process:
        try:
            while not control.exists():
                time.sleep(0.05)
            rows = screen_after_the_check(control, tmp_path / "screen")
        finally:
            process.kill()
    assert has_line(rows, "serial port COM1: missing (the screen is the console)"), "\n".join(rows)
    assert has_line(rows, "the check is complete: guests can run on this machine")
