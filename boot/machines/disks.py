"""Disks of an emulated machine, beside what it boots from."""

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

BOCHS_PLACES = ("ata0-slave", "ata1-master", "ata1-slave")


class DiskKind(Enum):
    """How the disk is attached; the value is what the monitor calls the first of its kind, without the number."""

    NVME = "nvme"
    SATA = "sata"
    VIRTIO = "virtio"
    ATA = "ata"


@dataclass(frozen=True)
class MachineDisk:
    """A file with the raw content of a disk, which is written to."""

    kind: DiskKind
    path: Path


def qemu_disks(disks: tuple[MachineDisk, ...]) -> list[str]:
    """Arguments of QEMU. Each disk's serial number is `keelback-N`, its caches are the host's: kept when QEMU is
    killed."""
    arguments = []
    buses = {disk.kind for disk in disks}
    if DiskKind.SATA in buses:
        arguments += ["-device", "ich9-ahci,id=sata"]
    if DiskKind.ATA in buses:
        arguments += ["-device", "piix3-ide,id=ata"]
    places = dict.fromkeys(DiskKind, 0)
    for number, disk in enumerate(disks):
        place = places[disk.kind]
        places[disk.kind] += 1
        file = str(disk.path).replace(",", ",,")
        arguments += ["-drive", f"file={file},if=none,id=disk{number},format=raw,cache=writeback"]
        device = {
            DiskKind.NVME: "nvme",
            DiskKind.SATA: f"ide-hd,bus=sata.{place}",
            DiskKind.VIRTIO: "virtio-blk-pci,disable-legacy=on",
            DiskKind.ATA: f"ide-hd,bus=ata.{place // 2},unit={place % 2}",
        }[disk.kind]
        arguments += ["-device", f"{device},drive=disk{number},serial=keelback-{number}"]
    return arguments


def bochs_disks(disks: tuple[MachineDisk, ...]) -> list[str]:
    """Lines of Bochs' configuration."""
    lines = ["ata1: enabled=1, ioaddr1=0x170, ioaddr2=0x370, irq=15"] if len(disks) > 1 else []
    for place, disk in zip(BOCHS_PLACES, disks, strict=False):
        lines.append(f'{place}: type=disk, mode=flat, path="{disk.path.absolute()}", cylinders=0')
    return lines
