"""The drivers of IDE and AHCI controllers on those of QEMU and Bochs."""

import re
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

from boot.image.iso import build_iso
from boot.machines.emulator import start
from boot.machines.machine import MIB, Host, Machine
from boot.machines.session import Session
from boot.machines.watch import Outcome, Watch
from hypervisor.image import REPOSITORY
from tests.guests_boot.archive import archive_of_own_kernels

ROOTS = (
    "tests.boot.ata_monitor",
    "hypervisor.dma.buffers",
    "hypervisor.cpu.traps",
    "boot.entry.entry",
    "boot.entry.pvh",
)
DONE, REFUSED = "done", "the device cannot do that"
CYLINDER = 16 * 63 * 512
SIZE = 4 * CYLINDER
WORDS = 8 * 4 * 512


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    image = tmp_path_factory.mktemp("ata") / "amd-v.elf"
    command = [sys.executable, "-m", "hypervisor.image_program", "amd-v", "release", str(image), *ROOTS]
    subprocess.run(command, cwd=REPOSITORY, check=True)
    return image


def run(machine: Machine, seconds: int = 60) -> str:
    with start(machine) as emulator:
        session = Session(emulator, Watch(b"keelback: the end"), time.monotonic() + seconds)
        outcome = session.run()
        text = session.output.decode(errors="replace").replace("\r", "").replace("\0", "")
        assert outcome is Outcome.FOUND, text
        return text


def qemu(image: Path, *words: str) -> str:
    return run(Machine(Host.QEMU, kernel=image, memory=64 * MIB, arguments=words))


def file_of(folder: Path, name: str) -> Path:
    file = folder / f"{name}.img"
    file.write_bytes(bytes(SIZE))
    return file


def drive(file: Path, more: str = "") -> tuple[str, str]:
    return "-drive", f"if=none,id={file.stem},format=raw,file={file},discard=unmap{more}"


def outcomes(text: str, number: int) -> list[str]:
    return re.findall(rf"disk {number}: ({DONE}|{REFUSED}|the device .*)$", text, re.MULTILINE)


def assert_written(file: Path, number: int) -> None:
    words = [(i + 1) * 0x9E37_79B9_7F4A_7C15 % (1 << 64) + number & (1 << 64) - 1 for i in range(WORDS)]
    content = file.read_bytes()
    assert content[64 * 512 : 64 * 512 + 8 * WORDS] == struct.pack(f"<{WORDS}Q", *words)
    assert (
        content[: 64 * 512] == bytes(64 * 512)
        and content[64 * 512 + 8 * WORDS :].count(0) == SIZE - 64 * 512 - 8 * WORDS
    )


def assert_good(text: str, number: int, file: Path, discards: bool = True) -> None:
    assert outcomes(text, number) == [DONE] * (4 if discards else 3) + [REFUSED], text
    assert f"disk {number}: read what was written True" in text
    assert_written(file, number)


def test_disks_of_piix_beside_a_cd(image: Path, tmp_path: Path) -> None:
    first, second = file_of(tmp_path, "first"), file_of(tmp_path, "second")
    text = qemu(
        image,
        *("-machine", "pc", *drive(first), *drive(second)),
        *("-device", "ide-cd,bus=ide.0,unit=0", "-device", "ide-hd,drive=first,bus=ide.0,unit=1"),
        *("-device", "ide-hd,drive=second,bus=ide.1,unit=0"),
    )
    assert re.search(r"IDE 0: IRQs 14 and 15, \d{1,2} ms", text), text
    assert f"disk 0: ATA unit 1, {SIZE // 512} sectors in 512, QEMU HARDDISK" in text
    assert f"disk 1: ATA unit 2, {SIZE // 512} sectors in 512, QEMU HARDDISK" in text
    assert_good(text, 0, first)
    assert_good(text, 1, second)


def test_disks_of_the_chipsets_ahci(image: Path, tmp_path: Path) -> None:
    first, second = file_of(tmp_path, "first"), file_of(tmp_path, "second")
    text = qemu(
        image,
        *(*drive(first), *drive(second), "-device", "ide-cd,bus=ide.0"),
        *("-device", "ide-hd,drive=first,bus=ide.1", "-device", "ide-hd,drive=second,bus=ide.5"),
    )
    assert re.search(r"AHCI 0: connected True, \d{1,3} ms", text), text
    assert [line.split(",")[0] for line in text.splitlines() if " unit " in line] == [
        "keelback: disk 0: AHCI unit 1",
        "keelback: disk 1: AHCI unit 5",
    ]
    assert_good(text, 0, first)
    assert_good(text, 1, second)
    assert "disk 1: message 0x5a5a" in text


@pytest.mark.parametrize("iommu", ["intel-iommu", "amd-iommu"])
def test_two_ahci_controllers_behind_an_iommu(image: Path, tmp_path: Path, iommu: str) -> None:
    first, second = file_of(tmp_path, "first"), file_of(tmp_path, "second")
    text = qemu(
        image,
        *("-device", iommu, *drive(first), *drive(second), "-device", "ich9-ahci,id=other"),
        *("-device", "ide-hd,drive=first,bus=ide.0", "-device", "ide-hd,drive=second,bus=other.3"),
    )
    assert "DMA refused" not in text and "every device is denied" in text
    assert_good(text, 0, second)
    assert_good(text, 1, first)


KINDS = {
    "IDE": ("-machine", "pc", "-device", "ide-hd,drive=disk,bus=ide.0,rerror=report"),
    "AHCI": ("-device", "ide-hd,drive=disk,bus=ide.0,rerror=report"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_bad_sector_fails_its_command_and_no_other(image: Path, tmp_path: Path, kind: str) -> None:
    file = file_of(tmp_path, "disk")
    bad = f"driver=blkdebug,node-name=disk,image.driver=file,image.filename={file}"
    bad += ",inject-error.0.event=none,inject-error.0.iotype=read,inject-error.0.errno=5,inject-error.0.sector=170"
    text = qemu(image, "-blockdev", bad, *KINDS[kind])
    again = re.findall(r"disk 0 again: (.*)$", text, re.MULTILINE)
    assert again == [DONE] * 3 + ["the device reports an error"] + [DONE] * 4, text
    assert_written(file, 0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_disk_that_is_too_slow_is_reset_and_the_machine_goes_on(image: Path, tmp_path: Path, kind: str) -> None:
    file = file_of(tmp_path, "disk")
    text = qemu(image, *drive(file, ",throttling.iops-write=1"), *KINDS[kind])
    assert "disk 0: the device did not answer in time" in text or "disk 0: the device was reset meanwhile" in text, text
    timeouts, resets = re.findall(r"disk 0: (\d+) timeouts, (\d+) resets", text)[0]
    assert int(timeouts) > 0 and int(resets) > 0


def test_a_disk_of_bochs_beside_the_cd_that_it_boots_from(image: Path, tmp_path: Path) -> None:
    first, second = file_of(tmp_path, "first"), file_of(tmp_path, "second")
    archive = archive_of_own_kernels(tmp_path, "16M", one="spin")
    iso = build_iso({"vt-x": image, "amd-v": image}, archive, tmp_path / "ata.iso")
    shape = "mode=flat, cylinders=4, heads=16, spt=63"
    lines = (
        "pci: enabled=1, chipset=i440fx",
        f'ata0-slave: type=disk, path="{first}", {shape}',
        "ata1: enabled=1, ioaddr1=0x170, ioaddr2=0x370, irq=15",
        f'ata1-master: type=disk, path="{second}", {shape}',
    )
    text = run(Machine(Host.BOCHS, iso=iso, memory=64 * MIB, arguments=lines), 200)
    assert "IDE 0: IRQs 14 and 15" in text
    assert_good(text, 0, first, False)
    assert_good(text, 1, second, False)
