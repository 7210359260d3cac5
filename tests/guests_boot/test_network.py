"""Stock Debians with network devices: two of a network exchange data, and one of another network sees nothing of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from boot.guests.catalogue import guest_path
from boot.machines.machine import MIB, Host
from hypervisor.client.connection import connect
from tests.guests_boot.archive import archive_of
from tests.guests_boot.asked import asked_machine
from tests.guests_boot.dialog import Dialog, dialog

SECONDS = {Host.QEMU: 240, Host.BOCHS: 900}
BYTES = {Host.QEMU: 8 * MIB, Host.BOCHS: 2 * MIB}
USER_SPACE = "keelback-guest: user space reached"

VM = """\
[[vm]]
name = "{name}"
kernel = "{kernel}"
initrd = "{initrd}"
cmdline = "console=ttyS0 {words}"
memory = "128M"
vcpus = {vcpus}

[[vm.net]]
network = "{network}"
{more}
"""


def vm(name: str, network: str, words: str, vcpus: int = 1, more: str = "") -> str:
    kernel, initrd = guest_path("linux-cloud"), guest_path("initramfs-virtio")
    return VM.format(**locals())


def test_words(address: str, peer: str, host: Host) -> str:
    return f"kb.test=network kb.net={address},{peer},{BYTES[host]}"


test_words.__test__ = False  # type: ignore[attr-defined]


def ports_of(folder: Path) -> dict[str, dict[str, int]]:
    with connect(folder / "ctl") as connection:
        return {port["mac"]: port for port in connection.ask("net")["ports"]}


@pytest.mark.parametrize("host", [Host.QEMU, Host.BOCHS], ids=["amd_v", "vt_x"])
def test_debians_of_one_network_exchange_data_and_the_other_network_is_quiet(host: Host, tmp_path: Path) -> None:
    config = tmp_path / f"{tmp_path.name}.toml"
    networks = '[[network]]\nname = "one"\n[[network]]\nname = "two"\n'
    first = vm("first", "one", test_words("10.0.0.1", "10.0.0.2", host), 2, 'mac = "02:00:00:00:00:01"')
    second = vm("second", "one", test_words("10.0.0.2", "10.0.0.1", host), 1, 'mac = "02:00:00:00:00:02"')
    apart = vm("apart", "two", "", 1, 'mac = "02:00:00:00:00:03"')
    config.write_text(networks + first + second + apart)
    with dialog(asked_machine(host, archive_of(config, tmp_path), tmp_path, 640 * MIB)) as console:
        for name in ("first", "second"):
            console.seen = 0
            console.wait(f"[{name}] keelback-guest: network: {BYTES[host]} bytes came", SECONDS[host])
            console.wait(f"[{name}] keelback-guest: test network passed", SECONDS[host])
        ports = ports_of(tmp_path)
