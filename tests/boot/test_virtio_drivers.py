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
    "tests.boot.virtio_monitor",
    "hypervisor.dma.buffers",
    "hypervisor.cpu.traps",
    "boot.entry.entry",
    "boot.entry.pvh",
)
BYTES = 256 << 10  # that the monitor writes
MARK = 0x6B65_656C_0000_0000


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    image = tmp_path_factory.mktemp("virtio") / "amd-v.elf"
    command = [sys.executable, "-m", "hypervisor.image_program", "amd-v", "release", str(image), *ROOTS]
    subprocess.run(command, cwd=REPOSITORY, check=True)
    return image


def said(image: Path, *arguments: str) -> str:
    with start(Machine(Host.QEMU, kernel=image, memory=64 * MIB, arguments=arguments)) as emulator:
        session = Session(emulator, Watch(b"keelback: the end"), time.monotonic() + 90)
        outcome = session.run()
        text = session.output.decode(errors="replace").replace("\r", "")
        assert outcome is Outcome.FOUND, text
        return text


VARIANTS = {
    "modern": ("disable-legacy=on,num-queues=2", ()),
    "with the legacy interface beside": ("disable-legacy=off,disable-modern=off", ()),
    "behind an IOMMU": ("disable-legacy=on,iommu_platform=on", ("-device", "intel-iommu")),
    "one short queue without indirect descriptors": (
        "disable-legacy=on,indirect_desc=off,event_idx=off,queue-size=16,num-queues=1,vectors=2",
        (),
    ),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_sectors_are_written_and_read_back(image: Path, tmp_path: Path, variant: str) -> None:
    options, more = VARIANTS[variant]
    disk = tmp_path / "disk"
    disk.write_bytes(bytes(4 * MIB))
    drive = ("-drive", f"file={disk},format=raw,if=none,id=d0")
    text = said(image, *more, *drive, "-device", f"virtio-blk-pci,drive=d0,serial=kb,{options}")
    assert f"disk of {4 * MIB // 512} sectors" in text, text
    assert "written 4" in text and "flushed 1" in text and "read 4" in text, text
    assert "different words: 0\n" in text and "never again: True" in text, text
    assert "DMA refused" not in text and "PANIC" not in text
    expected = b"".join((MARK + i).to_bytes(8, "little") for i in range(BYTES // 8))
    assert disk.read_bytes() == expected + bytes(4 * MIB - BYTES)


@pytest.mark.parametrize("more", [(), ("-device", "intel-iommu")], ids=["no IOMMU", "an IOMMU"])
def test_the_gateway_of_the_network_answers(image: Path, more: tuple[str, ...]) -> None:
    platform = ",iommu_platform=on" if more else ""
    card = f"virtio-net-pci,netdev=n0,disable-legacy=on,mac=52:54:00:12:34:56{platform}"
    text = said(image, *more, "-netdev", "user,id=n0", "-device", card)
    assert "net 52:56, link True" in text, text
    assert "answer 2 of 10.0.2.2" in text and "looked after: True" in text, text
    assert "DMA refused" not in text and "PANIC" not in text
