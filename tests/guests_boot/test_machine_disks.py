"""Stock Debian on disks of the machine: our drivers find them, and what a guest writes is on the disk."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from boot.guests.catalogue import guest_path
from boot.image.iso import build_iso
from boot.machines.disks import DiskKind, MachineDisk
from boot.machines.machine import Host, Machine
from hypervisor.disk_image.image import make_image
from hypervisor.image import build_images
from tests.guests_boot.archive import archive_of
from tests.guests_boot.dialog import Dialog, dialog
from tests.guests_boot.machines import MEMORY
from tests.guests_boot.test_disks import md5_sums

SECONDS = 200
MIB = 1 << 20
CONTENT = b"".join(hashlib.sha256(n.to_bytes(4, "little")).digest() for n in range(MIB // 32))
CONFIG = """\
[[vm]]
name = "debian"
kernel = "{kernel}"
initrd = "{initrd}"
cmdline = "console=ttyS0"
memory = "160M"
vcpus = {vcpus}

[[vm.disk]]
disk = "{kind}0"
serial = "whole"

[[vm.disk]]
partition = "own"

[[vm.disk]]
partition = "shared"
read_only = true
"""
KINDS = [("qemu", kind) for kind in DiskKind] + [("bochs", DiskKind.ATA)]


def machine_with(host: str, kind: DiskKind, folder: Path, *arguments: str, profile: str = "release") -> Machine:
    """With two disks of a kind: one without partitions, and one with two."""
    first, second, content = folder / "first", folder / "second", folder / "content"
    content.write_bytes(CONTENT)
    first.write_bytes(CONTENT * 2)
    make_image(second, 48 * MIB, ["own:16M", f"shared:1M={content}"])
    config = folder / f"{folder.name}.toml"
    text = CONFIG.format(
        kernel=guest_path("linux-cloud"),
        initrd=guest_path("initramfs-virtio"),
        kind=kind.value,
        vcpus=1 if host == "bochs" else 2,
    )
    config.write_text(text)
    disks = (MachineDisk(kind, first), MachineDisk(kind, second))
    archive, images = archive_of(config, folder), build_images(profile)
    if host == "qemu":
        kernel = images["amd-v"]
        return Machine(Host.QEMU, kernel=kernel, archive=archive, memory=MEMORY, disks=disks, arguments=arguments)
    iso = build_iso(images, archive, folder / "disks.iso")
    return Machine(Host.BOCHS, iso=iso, memory=MEMORY, disks=disks, arguments=arguments)


@pytest.mark.parametrize(("host", "kind"), KINDS)
def test_what_a_guest_writes_is_on_the_disk(host: str, kind: DiskKind, tmp_path: Path) -> None:
    with dialog(machine_with(host, kind, tmp_path)) as console:
        console.wait("/ # ", 400)
        what_is_there_is_read(console)
        blocks = 128 if host == "qemu" else 24
        console.run(f"dd if=/dev/urandom of=/tmp/x bs=64k count={blocks}", SECONDS)
        console.run("dd if=/tmp/x of=/dev/vdb bs=64k seek=16; sync; echo 3 > /proc/sys/vm/drop_caches", SECONDS)
        sums = md5_sums(
            console.run(f"dd if=/dev/vdb bs=64k skip=16 count={blocks} 2>/dev/null | md5sum; md5sum /tmp/x", SECONDS)
        )
        assert sums[0] == sums[1]
        assert "Operation not permitted" in console.run("! dd if=/dev/zero of=/dev/vdc bs=512 count=1", SECONDS)
        console.run("printf keelback | dd of=/dev/vda bs=512 seek=3 conv=notrunc,fsync", SECONDS)
        console.type("reboot -f\n")
        console.wait("keelback-guest: user space reached", 400)
        console.wait("/ # ", SECONDS)
        assert (
            md5_sums(console.run(f"dd if=/dev/vdb bs=64k skip=16 count={blocks} 2>/dev/null | md5sum", SECONDS))
            == sums[:1]
        )
    written = (tmp_path / "second").read_bytes()[2 * MIB :][: blocks << 16]
    assert hashlib.md5(written).hexdigest() == sums[0]
    assert (tmp_path / "first").read_bytes()[3 * 512 :].startswith(b"keelback")
    assert (tmp_path / "second").read_bytes()[17 * MIB : 18 * MIB] == CONTENT


def what_is_there_is_read(console: Dialog) -> None:
    text = console.run(
        "cd /sys/block; for d in vda vdb vdc; do echo $d $(cat $d/size $d/ro) $(cat $d/serial); done", SECONDS
    )
    assert "vda 4096 0 whole" in text
    assert "vdb 32768 0" in text
    assert "vdc 2048 1" in text
    sums = md5_sums(console.run("md5sum /dev/vda /dev/vdc", SECONDS))
    assert sums == [hashlib.md5(CONTENT * 2).hexdigest(), hashlib.md5(CONTENT).hexdigest()]
