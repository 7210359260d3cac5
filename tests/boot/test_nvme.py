import re
import struct
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

ROOTS = (
    "tests.boot.nvme_monitor",
    "hypervisor.dma.buffers",
    "hypervisor.cpu.traps",
    "boot.entry.entry",
    "boot.entry.pvh",
)
DONE, REFUSED = "done", "the device cannot do that"
TIMED_OUT, GONE = "the device did not answer in time", "the device is gone"
ALL_DONE = [DONE] * 6 + [REFUSED]
SIZE = 1 << 20


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    image = tmp_path_factory.mktemp("nvme") / "amd-v.elf"
    command = [sys.executable, "-m", "hypervisor.image_program", "amd-v", "release", str(image), *ROOTS]
    subprocess.run(command, cwd=REPOSITORY, check=True)
    return image


def said(image: Path, drives: list[str], devices: list[str]) -> str:
    words = [word for drive in drives for word in ("-drive", f"{drive},if=none")]
    words += [word for device in devices for word in ("-device", device)]
    machine = Machine(Host.QEMU, kernel=image, memory=64 * MIB, arguments=tuple(words))
    with start(machine) as emulator:
        session = Session(emulator, Watch(b"keelback: the end"), time.monotonic() + 60)
        outcome = session.run()
        text = session.output.decode(errors="replace").replace("\r", "").replace("\0", "")
        assert outcome is Outcome.FOUND, text
        return text


def file_of(folder: Path, name: str) -> tuple[Path, str]:
    file = folder / name
    file.write_bytes(bytes(SIZE))
    return file, f"file={file},format=raw,cache=unsafe,id={name}"


def outcomes(text: str, number: int) -> list[str]:
    """Of the commands of a disk, in order."""
    words = f"{DONE}|{REFUSED}|{TIMED_OUT}|{GONE}"
    return re.findall(rf"disk {number}: ({words})$", text, re.MULTILINE)


def assert_written(file: Path, number: int) -> None:
    """The data of the first 8 sectors is there, and the zeroes behind them."""
    words = [(i + 1) * 0x9E37_79B9_7F4A_7C15 + number & (1 << 64) - 1 for i in range(512)]
    content = file.read_bytes()
    assert content[64 * 512 : 72 * 512] == struct.pack("<512Q", *words)
    assert content[72 * 512 : 136 * 512] == bytes(64 * 512)


@pytest.mark.parametrize("block", [512, 4096])
def test_what_is_written_is_read_and_is_in_the_file(image: Path, tmp_path: Path, block: int) -> None:
    file, drive = file_of(tmp_path, "one")
    shape = f"logical_block_size={block},physical_block_size=4096"
    text = said(image, [drive], [f"nvme,drive=one,serial=ab12,mdts=6,{shape}"])
    assert "controller 0: 3 queues, 3 connected" in text
    assert f"disk 0: {SIZE // 512} sectors in {block}, at most 262144 bytes, QEMU NVMe Ctrl, ab12\n" in text
    assert "cache True, discards True, zeroes True, read-only False" in text
    assert outcomes(text, 0) == ALL_DONE, text
    assert "disk 0: read what was written True" in text and "disk 0: 3584 words are zero" in text
    assert "disk 0: message 0x5a00, 0 resets, 0 timeouts" in text
    assert_written(file, 0)


@pytest.mark.parametrize("iommu", ["intel-iommu", "amd-iommu"])
def test_controllers_with_several_disks_work_behind_an_iommu(image: Path, tmp_path: Path, iommu: str) -> None:
    files, drives = zip(*(file_of(tmp_path, name) for name in ("one", "two", "three")), strict=True)
    controllers = ["nvme,serial=first,id=first", "nvme,serial=second,id=second,max_ioqpairs=2"]
    disks = ["nvme-ns,drive=one,nsid=2,bus=first", "nvme-ns,drive=two,nsid=7,bus=first"]
    text = said(image, list(drives), [iommu, *controllers, *disks, "nvme-ns,drive=three,bus=second"])
    assert "controller 0: 3 queues, 3 connected" in text and "controller 1: 2 queues, 2 connected" in text
    assert "DMA refused" not in text and "every device is denied" in text
    for number in range(3):
        assert outcomes(text, number) == ALL_DONE, text
        assert_written(files[number], number)
    assert "disk 1: message 0x5a0100005a00" in text and "disk 2: message 0x5a00" in text


def test_a_disk_that_is_late_is_reset_and_the_others_of_its_controller_go_on(image: Path, tmp_path: Path) -> None:
    file, drive = file_of(tmp_path, "quick")
    slow = "driver=null-co,read-zeroes=on,size=1M,latency-ns=2500000000,id=slow"
    disks = ["nvme-ns,drive=slow,nsid=1", "nvme-ns,drive=quick,nsid=2"]
    text = said(image, [slow, drive], ["nvme,serial=ab12", *disks])
    assert outcomes(text, 0) == [TIMED_OUT] and "disk 0: 1 resets, 1 timeouts" in text
    assert outcomes(text, 1) == ALL_DONE, text
    assert "disk 1: message 0x5a0100005a00" in text  # queue 0 has the admin queue's vector
    assert_written(file, 1)
