"""Stock Debians with network devices: two of a network exchange data, and one of another network sees nothing of it."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest

from boot.guests.catalogue import guest_path
from boot.machines.machine import MIB, Host, Machine
from hypervisor.client.connection import Connection, connect
from hypervisor.image import build_images
from tests.guests_boot.archive import archive_of
from tests.guests_boot.asked import asked_machine
from tests.guests_boot.dialog import Dialog, dialog

SECONDS = {Host.QEMU: 240, Host.BOCHS: 2000}
BYTES = {Host.QEMU: 8 * MIB, Host.BOCHS: 2 * MIB}
FIRST, SECOND, APART = (f"02:00:00:00:00:0{n}" for n in (1, 2, 3))

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


def words(address: str, peer: str, host: Host) -> str:
    return f"kb.test=network kb.net={address},{peer},{BYTES[host]}"


def ports_of(connection: Connection) -> dict[str, Any]:
    return {port["mac"]: port for port in connection.ask("net")["ports"]}


def wait_for(console: Dialog, name: str, text: str, host: Host) -> None:
    """Whenever it comes, beside what others say."""
    console.seen = 0
    console.wait(f"[{name}] keelback-guest: {text}", SECONDS[host])


def configuration(folder: Path, *vms: str) -> Path:
    config = folder / f"{folder.name}.toml"
    config.write_text('[[network]]\nname = "one"\n[[network]]\nname = "two"\n' + "".join(vms))
    return config


def both_have_exchanged(console: Dialog, host: Host) -> None:
    for name in ("first", "second"):
        wait_for(console, name, f"network: {BYTES[host]} bytes came", host)
        wait_for(console, name, "test network passed", host)


def test_debians_of_one_network_exchange_data_and_the_other_network_is_quiet(tmp_path: Path) -> None:
    host = Host.QEMU
    first = vm("first", "one", words("10.0.0.1", "10.0.0.2", host), 2, f'mac = "{FIRST}"')
    second = vm("second", "one", words("10.0.0.2", "10.0.0.1", host), 1, f'mac = "{SECOND}"')
    apart = vm("apart", "two", words("10.0.0.3", "", host), 1, f'mac = "{APART}"')
    archive = archive_of(configuration(tmp_path, first, second, apart), tmp_path)
    image, ctl = build_images("debug")["amd-v"], tmp_path / "ctl"  # it asserts the order of locks
    machine = Machine(host, kernel=image, archive=archive, memory=640 * MIB, cpus=2, ctl=ctl)
    with dialog(machine) as console:
        wait_for(console, "apart", "test network passed", host)
        both_have_exchanged(console, host)
        with connect(tmp_path / "ctl") as connection:
            ports = ports_of(connection)
            assert [ports[mac]["network"] for mac in (FIRST, SECOND, APART)] == [0, 0, 1]
            assert all(ports[mac]["received_bytes"] > BYTES[host] for mac in (FIRST, SECOND))
            assert ports[FIRST]["sent"] >= ports[SECOND]["received"] > 0
            assert ports[APART]["sent"] > 0 and ports[APART]["received"] == 0
            assert not any(ports[APART]["dropped"].values())
            the_others_go_on_while_one_is_reset_and_destroyed(console, connection)


def the_others_go_on_while_one_is_reset_and_destroyed(console: Dialog, connection: Connection) -> None:
    before = console.output.count("[second] keelback-guest: test network passed")
    connection.ask("reset", vm=1)
    deadline = time.monotonic() + SECONDS[Host.QEMU]
    while console.output.count("[second] keelback-guest: test network passed") == before:
        assert time.monotonic() < deadline and console.receive(10)
    connection.ask("kill", vm=1)
    while "STOPPED" not in (state := connection.ask("list")["vms"][1]["state"]):
        assert time.monotonic() < deadline, state
    connection.ask("destroy", vm=1)
    while SECOND in ports_of(connection):
        assert time.monotonic() < deadline
    assert FIRST in ports_of(connection)
    console.type("\x010")
    assert "100% packet loss" in console.run("! ping -c 2 -W 1 10.0.0.2", 60)
    console.type("\x012")
    assert "100% packet loss" in console.run("! ping -c 2 -W 1 10.0.0.1", 60)
    assert re.search(r"^0$", console.run("cat /sys/class/net/eth0/statistics/rx_packets", 60), re.MULTILINE)


@pytest.mark.long
def test_debians_exchange_data_on_vt_x(tmp_path: Path) -> None:
    host = Host.BOCHS
    first = vm("first", "one", words("10.0.0.1", "10.0.0.2", host), 1, f'mac = "{FIRST}"\nvlan = 7')
    second = vm("second", "one", words("10.0.0.2", "10.0.0.1", host), 1, f'mac = "{SECOND}"\nvlan = 7')
    archive = archive_of(configuration(tmp_path, first, second), tmp_path)
    with dialog(asked_machine(host, archive, tmp_path, 512 * MIB)) as console:
        both_have_exchanged(console, host)
