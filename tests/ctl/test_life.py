"""A VM is paused, killed, destroyed and started again by requests, while another runs on."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from boot.image.archive import Entry, write_archive
from boot.info import FileKind
from boot.machines.machine import MIB, Host, Machine
from hypervisor.client.connection import Connection, CtlError, connect
from hypervisor.config.check import load_config
from hypervisor.config.pack import pack_manifest
from hypervisor.image import REPOSITORY, build_images
from tests.guests_boot.dialog import dialog

VMS = '[[vm]]\nname = "{}"\nkernel = "guest"\ncmdline = "spin"\nmemory = "32M"\n'
FIRST, SECOND = 0, 1


def vm(connection: Connection, number: int) -> Any:
    return next(each for each in connection.ask("list")["vms"] if each["vm"] == number)


def until(connection: Connection, number: int, state: str) -> Any:
    for _ in range(200):
        found = vm(connection, number)
        if found["state"] == state:
            return found
        time.sleep(0.05)
    pytest.fail(f"{found} is not {state}")


def runs(connection: Connection, number: int) -> bool:
    before = vm(connection, number)["ran_ns"]
    time.sleep(0.3)
    return bool(vm(connection, number)["ran_ns"] > before)


def test_a_vm_is_paused_killed_destroyed_and_started_while_another_runs(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "tests.guests.kernel", str(tmp_path / "guest")], check=True, cwd=REPOSITORY)
    (tmp_path / "vms.toml").write_text(VMS.format("first") + VMS.format("second"))
    manifest, files = pack_manifest(load_config(tmp_path / "vms.toml"))
    guests = [Entry(FileKind.GUEST, file.name, file) for file in files]
    archive = write_archive([Entry(FileKind.MANIFEST, "manifest", manifest), *guests], tmp_path / "archive")
    socket = tmp_path / "ctl"
    machine = Machine(Host.QEMU, kernel=build_images()["amd-v"], archive=archive, memory=256 * MIB, cpus=2, ctl=socket)
    with dialog(machine) as console:
        for _ in range(2):
            console.wait(": started, ", 60)
        with connect(socket) as connection:
            connection.ask("pause", vm=FIRST)
            until(connection, FIRST, "PAUSED")
            assert not runs(connection, FIRST) and runs(connection, SECOND)
            connection.ask("resume", vm=FIRST)
            assert until(connection, FIRST, "RUNNING") and runs(connection, FIRST)
            with pytest.raises(CtlError, match="kill it first"):
                connection.ask("destroy", vm=FIRST)
            connection.ask("kill", vm=FIRST)
            assert until(connection, FIRST, "STOPPED")["stopped"] == "KILLED"
            connection.ask("destroy", vm=FIRST)
            until(connection, FIRST, "ABSENT")
            connection.ask("start", vm=FIRST)
            assert until(connection, FIRST, "RUNNING") and runs(connection, FIRST) and runs(connection, SECOND)
            connection.ask("reset", vm=FIRST)
            assert until(connection, FIRST, "RUNNING") and runs(connection, FIRST)
