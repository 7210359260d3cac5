"""Stock Debian with disks in RAM: its own drivers find them, and what is written is what is read."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from boot.guests.catalogue import guest_path
from tests.guests_boot.dialog import Dialog, dialog
from tests.guests_boot.machines import under_the_monitor

BOOT_SECONDS = {"qemu": 240, "bochs": 500}
SECONDS = 120
MIB = 1 << 20
IMAGE = b"".join(hashlib.sha256(n.to_bytes(4, "little")).digest() for n in range(MIB // 32))

CONFIG = """\
[[vm]]
name = "debian"
kernel = "{kernel}"
initrd = "{initrd}"
cmdline = "console=ttyS0"
memory = "160M"
vcpus = 2

[[vm.disk]]
image = "image"
size = "16M"
serial = "own"

[[vm.disk]]
image = "image"
read_only = true
serial = "shared"
"""


@pytest.mark.parametrize("host", ["qemu", "bochs"])
def test_debian_reads_and_writes_its_disks(host: str, tmp_path: Path) -> None:
    (tmp_path / "image").write_bytes(IMAGE)
    config = tmp_path / "disks.toml"
    config.write_text(CONFIG.format(kernel=guest_path("linux-cloud"), initrd=guest_path("initramfs-virtio")))
    with dialog(under_the_monitor(config, host)) as console:
        console.wait("keelback-guest: user space reached", BOOT_SECONDS[host])
        console.wait("/ # ", SECONDS)
        the_disks_are_what_the_configuration_says(console)
        what_is_written_is_read(console)
        random_bytes_come(console)
        both_outlast_a_reset(console, host)


def the_disks_are_what_the_configuration_says(console: Dialog) -> None:
    text = console.run(
        "cd /sys/block; for d in vda vdb; do echo $d $(cat $d/serial) $(cat $d/size $d/ro); done", SECONDS
    )
    assert "vda own 32768 0" in text
    assert "vdb shared 2048 1" in text
    sums = md5_sums(console.run("md5sum /dev/vdb; head -c 1048576 /dev/vda | md5sum", SECONDS))
    assert sums == [hashlib.md5(IMAGE).hexdigest()] * 2
    assert "Operation not permitted" in console.run("! dd if=/dev/zero of=/dev/vdb bs=512 count=1", SECONDS)


def what_is_written_is_read(console: Dialog) -> None:
    console.run("dd if=/dev/urandom of=/tmp/x bs=64k count=96", SECONDS)
    console.run("dd if=/tmp/x of=/dev/vda bs=64k seek=32; sync; echo 3 > /proc/sys/vm/drop_caches", SECONDS)
    before = interrupts(console)
    read, written = md5_sums(
        console.run("dd if=/dev/vda bs=64k skip=32 count=96 2>/dev/null | md5sum; md5sum /tmp/x", SECONDS)
    )
    assert read == written
    assert interrupts(console) > before


def random_bytes_come(console: Dialog) -> None:
    first, second = md5_sums(console.run("for i in 1 2; do head -c 64 /dev/hwrng | md5sum; done", SECONDS))
    assert first != second


def both_outlast_a_reset(console: Dialog, host: str) -> None:
    (before,) = md5_sums(console.run("md5sum /dev/vda", SECONDS))
    console.type("reboot -f\n")
    console.wait("keelback-guest: user space reached", BOOT_SECONDS[host])
    console.wait("/ # ", SECONDS)
    assert md5_sums(console.run("md5sum /dev/vda /dev/vdb", SECONDS)) == [before, hashlib.md5(IMAGE).hexdigest()]


def interrupts(console: Dialog) -> int:
    """Messages that queues of disks have sent."""
    lines = re.findall(
        r"^ *\d+: +(\d+) +(\d+) +PCI-MSI.*virtio\d-req", console.run("cat /proc/interrupts", SECONDS), re.M
    )
    return sum(int(count) for line in lines for count in line)


def md5_sums(text: str) -> list[str]:
    return re.findall(r"\b[0-9a-f]{32}\b", text)
