"""The example with three Debians on two processors, of which one crashes and starts over while the others go on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from boot.machines.machine import MIB, Host
from hypervisor.client.connection import Connection, connect
from hypervisor.image import REPOSITORY
from tests.guests_boot.archive import archive_of
from tests.guests_boot.asked import asked_machine
from tests.guests_boot.dialog import dialog

NAMES = ("left", "middle", "right")
USER_SPACE = "keelback-guest: user space reached"
SHOW_THIRD, SHOW_ALL = "\x012", "\x01a"


def vms(connection: Connection) -> dict[str, Any]:
    return {vm["name"]: vm for vm in connection.ask("list")["vms"]}


HOSTS = [pytest.param(Host.QEMU, 240, id="amd_v"), pytest.param(Host.BOCHS, 3000, id="vt_x", marks=pytest.mark.long)]


@pytest.mark.parametrize(("host", "seconds"), HOSTS)
def test_three_debians_run_on_two_processors_and_one_that_crashes_starts_over(
    host: Host, seconds: float, tmp_path: Path
) -> None:
    archive = archive_of(REPOSITORY / "examples" / "three.toml", tmp_path)
    with dialog(asked_machine(host, archive, tmp_path, 1024 * MIB)) as console:
        for _ in NAMES:
            console.wait(USER_SPACE, seconds)
        for name in NAMES:
            assert f"[{name}] {USER_SPACE}" in console.output
        assert "smp: Brought up 1 node, 2 CPUs" in console.output
        with connect(tmp_path / "ctl") as connection:
            before = vms(connection)
            console.type(SHOW_THIRD)
            console.type("echo c > /proc/sysrq-trigger\n")
            console.wait("Kernel panic - not syncing: sysrq triggered crash", seconds)
            console.wait("right: reset by the guest", seconds)
            console.wait(USER_SPACE, seconds)
            console.type(SHOW_ALL)
            after = vms(connection)
        assert [after[name]["state"] for name in NAMES] == ["RUNNING"] * 3
        assert all(after[name]["ran_ns"] > before[name]["ran_ns"] for name in NAMES)
        assert [console.output.count(f"{name}: started, ") for name in NAMES] == [1, 1, 2]
