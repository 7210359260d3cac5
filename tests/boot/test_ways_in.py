import struct
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from boot.image.archive import Entry, write_archive
from boot.image.iso import build_iso
from boot.info import ArchiveHeader, FileKind
from boot.machines.emulator import start
from boot.machines.machine import Drive, Firmware, Host, Machine
from boot.machines.session import Session
from boot.machines.watch import Watch

MIB = 1 << 20
END = b"end of probe"


def console(machine: Machine, expected: bytes = END, seconds: float = 60) -> list[str]:
    with start(machine) as emulator:
        session = Session(emulator, Watch(expected), time.monotonic() + seconds)
        session.run()
        return session.output.decode(errors="replace").replace("\r", "").splitlines()


@dataclass(frozen=True)
class Report:
    """What the probe said, by the first word of its lines."""

    lines: list[str]

    def __post_init__(self) -> None:
        assert self.lines[-1:] == [END.decode()], "\n".join(self.lines)

    def value(self, word: str) -> str:
        return next(words[words.index(word) + 1] for words in map(str.split, self.lines) if word in words)

    def regions(self) -> list[tuple[int, int, int]]:
        found = [line.split()[1:] for line in self.lines if line.startswith("region ")]
        return [(int(base, 16), int(length, 16), int(kind)) for base, length, kind in found]


def checksum(archive: Path) -> int:
    content = archive.read_bytes()
    total = 0
    for page in range(0, len(content), 4096):
        word = struct.unpack_from("<I", content, page + ArchiveHeader.file_count.offset)[0]
        total = (((total << 1) | (total >> 31)) + word) & 0xFFFF_FFFF
    return total


def assert_handed_over(report: Report, archive: Path, way: str) -> None:
    assert report.value("way") == way
    assert int(report.value("archive"), 16) == archive.stat().st_size
    assert "archive header True" in "\n".join(report.lines)
    assert int(report.value("sum"), 16) == checksum(archive)
    assert int(report.value("image"), 16) % (2 * MIB) == 0
    assert any(base <= 16 * MIB < base + length and kind == 1 for base, length, kind in report.regions())


WAYS = [(Host.QEMU, drive) for drive in Drive] + [(Host.BOCHS, Drive.CD), (Host.BOCHS, Drive.DISK)]


@pytest.mark.parametrize(("host", "drive"), WAYS)
def test_the_iso_hands_over_by_bios(iso: Path, archive: Path, host: Host, drive: Drive) -> None:
    report = Report(console(Machine(host, iso=iso, drive=drive, memory=256 * MIB)))
    assert_handed_over(report, archive, "BIOS")
    assert report.value("check") == "False"


CHOICES = [(Host.QEMU, Firmware.BIOS), (Host.QEMU, Firmware.UEFI), (Host.BOCHS, Firmware.BIOS)]


@pytest.mark.parametrize(("host", "firmware"), CHOICES)
def test_the_menus_second_entry_asks_for_a_check(iso: Path, host: Host, firmware: Firmware) -> None:
    machine = Machine(host, firmware=firmware, iso=iso, memory=512 * MIB)
    with start(machine) as emulator:
        Session(emulator, Watch(b"2 Check this machine"), time.monotonic() + 60).run()
        emulator.serial.send(b"2")
        session = Session(emulator, Watch(END), time.monotonic() + 60)
        session.run()
        assert b"check True" in session.output


@pytest.mark.parametrize("drive", Drive)
def test_the_iso_hands_over_by_uefi(iso: Path, archive: Path, drive: Drive) -> None:
    machine = Machine(Host.QEMU, firmware=Firmware.UEFI, iso=iso, drive=drive, memory=512 * MIB)
    report = Report(console(machine))
    assert_handed_over(report, archive, "UEFI")
    assert report.value("rsdp") == "True"
    width, height, depth = report.value("framebuffer").split("x")
    assert int(width) >= 640 and int(height) >= 480 and depth == "32"


BESIDE = {
    Drive.CD: ("-device", "qemu-xhci", "-device", "usb-storage,drive=other"),
    Drive.USB: ("-device", "ide-cd,drive=other"),
}


@pytest.mark.parametrize("drive", BESIDE)
def test_by_uefi_the_drive_that_was_started_counts(
    tmp_path: Path, iso: Path, image: Path, archive: Path, drive: Drive
) -> None:
    small = write_archive([Entry(FileKind.MANIFEST, "other", b"o" * 100)], tmp_path / "other.kba")
    other = build_iso({"vt-x": image, "amd-v": image}, small, tmp_path / "other.iso")
    beside = ("-drive", f"if=none,id=other,format=raw,readonly=on,file={other}", *BESIDE[drive])
    machine = Machine(Host.QEMU, firmware=Firmware.UEFI, iso=iso, drive=drive, memory=512 * MIB, arguments=beside)
    assert_handed_over(Report(console(machine)), archive, "UEFI")


def test_pvh_hands_over_with_rsdp_and_command_line(image: Path, archive: Path) -> None:
    machine = Machine(Host.QEMU, kernel=image, archive=archive, memory=256 * MIB, arguments=("-append", "check"))
    report = Report(console(machine))
    assert_handed_over(report, archive, "PVH")
    assert report.value("rsdp") == "True"
    assert report.value("check") == "True"


def test_pvh_without_an_archive_says_so(image: Path) -> None:
    report = Report(console(Machine(Host.QEMU, kernel=image, memory=64 * MIB)))
    assert report.value("archive") == "0x0"


def test_memory_above_4_gib_is_in_the_map(iso: Path) -> None:
    report = Report(console(Machine(Host.QEMU, iso=iso, memory=5 << 30)))
    assert any(base >= 4 << 30 and kind == 1 for base, _, kind in report.regions())


def test_the_image_runs_elsewhere_when_its_place_is_taken(iso: Path, archive: Path) -> None:
    report = Report(console(Machine(Host.QEMU, iso=iso, memory=32 * MIB)))
    assert int(report.value("image"), 16) == 18 * MIB
    assert_handed_over(report, archive, "BIOS")


def test_the_ebda_is_reserved_on_bochs(iso: Path) -> None:
    report = Report(console(Machine(Host.BOCHS, iso=iso, memory=256 * MIB)))
    assert (0x9FC00, 0x400, 2) in report.regions()


@pytest.mark.parametrize(
    ("cpu", "words"),
    [
        ("EPYC,-svm", b"neither VT-x nor AMD-V"),
        ("qemu32", b"not 64-bit"),
        ("EPYC,-nx", b"no-execute is off"),
    ],
)
def test_the_loader_says_what_the_processor_lacks(iso: Path, cpu: str, words: bytes) -> None:
    lines = console(Machine(Host.QEMU, iso=iso, memory=256 * MIB, cpu=cpu), words)
    assert words.decode() in "\n".join(lines)
    assert "Keelback: " in lines[-1]


def test_an_archive_that_does_not_fit_into_memory_is_named(iso: Path) -> None:
    words = b"do not fit into memory"
    lines = console(Machine(Host.QEMU, iso=iso, memory=18 * MIB), words)
    assert words.decode() in lines[-1], lines


def test_a_damaged_image_is_named(tmp_path: Path, archive: Path) -> None:
    broken = tmp_path / "broken.elf"
    broken.write_bytes(b"no ELF" * 1000)
    iso = build_iso({"vt-x": broken, "amd-v": broken}, archive, tmp_path / "broken.iso")
    words = b"AMDV.ELF;1 on the boot medium is damaged (NOT_ELF64)"
    assert words.decode() in console(Machine(Host.QEMU, iso=iso, memory=256 * MIB), words)[-1]


def test_a_medium_that_was_cut_off_is_named(tmp_path: Path, iso: Path) -> None:
    cut = tmp_path / "cut.iso"
    cut.write_bytes(iso.read_bytes()[: 3 * MIB])
    words = b"fails while reading ARCHIVE.KBA;1"
    lines = console(Machine(Host.QEMU, iso=cut, drive=Drive.DISK, memory=256 * MIB), words)
    assert words.decode() in lines[-1], lines


def test_the_same_parts_make_the_same_iso(tmp_path: Path, image: Path, archive: Path) -> None:
    images = {"vt-x": image, "amd-v": image}
    first = build_iso(images, archive, tmp_path / "a" / "first.iso").read_bytes()
    time.sleep(1.1)  # dates on the medium have seconds
    assert first == build_iso(images, archive, tmp_path / "b" / "second.iso").read_bytes()
