"""A VM is paused, killed, destroyed and started again by requests, while another runs on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from boot.machines.machine import MIB, Host
from hypervisor.client.connection import Connection, CtlError, connect
from tests.guests_boot.archive import archive_of_own_kernels
from tests.guests_boot.asked import asked_machine
from tests.guests_boot.dialog import dialog

FIRST, SECOND = 0, 1
IPS = 20_000_000  # a request of 3 ms is long beside what the monitor does in it
both = pytest.mark.parametrize("host", [Host.QEMU, Host.BOCHS], ids=["amd_v", "vt_x"])


def vm(connection: Connection, number: int) -> Any:
    return next(each for each in connection.ask("list")["vms"] if each["vm"] == number)


def until(connection: Connection, number: int, state: str) -> Any:
    for _ in range(400):
        found = vm(connection, number)
        if found["state"] == state:
            return found
        time.sleep(0.05)
    pytest.fail(f"{found} is not {state}")


def runs(connection: Connection, number: int) -> bool:
    return shares(connection, 0.3)[number] > 0


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return archive_of_own_kernels(tmp_path_factory.mktemp("life"), "32M", first="spin", second="spin")


@contextmanager
def asked(host: Host, archive: Path, scratch: Path) -> Iterator[Connection]:
    """Two VMs that always want to run, on two processors."""
    with dialog(asked_machine(host, archive, scratch, 256 * MIB, IPS)) as console:
        for _ in range(2):
            console.wait(": started, ", 200)
        with connect(scratch / "ctl") as connection:
            yield connection


def shares(connection: Connection, seconds: float) -> tuple[float, float, float]:
    """What the first, the second and both VMs get of one processor's time, by the machine's clock."""
    begin = [connection.ask("ping")["ns"], *(vm(connection, number)["ran_ns"] for number in (FIRST, SECOND))]
    while connection.ask("ping")["ns"] < begin[0] + seconds * 1e9:
        time.sleep(0.2)
    end = [connection.ask("ping")["ns"], *(vm(connection, number)["ran_ns"] for number in (FIRST, SECOND))]
    passed, first, second = (after - before for before, after in zip(begin, end, strict=True))
    return first / passed, second / passed, (first + second) / passed


@both
def test_a_vm_is_paused_killed_destroyed_and_started_while_another_runs(
    host: Host, archive: Path, tmp_path: Path
) -> None:
    with asked(host, archive, tmp_path) as connection:
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


@both
def test_a_vms_part_of_the_processors_is_changed_while_it_runs(host: Host, archive: Path, tmp_path: Path) -> None:
    with asked(host, archive, tmp_path) as connection:
        assert min(shares(connection, 2)[:2]) > 0.9
        for number in (FIRST, SECOND):
            connection.ask("pin", vm=number, cpus=0b10)
            assert vm(connection, number)["cpus"] == 0b10
        assert shares(connection, 3) == pytest.approx((0.5, 0.5, 1), abs=0.05)
        assert {each["cpu"] for each in connection.ask("vcpus")["vcpus"]} == {1}
        connection.ask("weight", vm=FIRST, weight=300)
        assert shares(connection, 3) == pytest.approx((0.75, 0.25, 1), abs=0.05)
        connection.ask("cap", vm=FIRST, percent=20)
        assert shares(connection, 3) == pytest.approx((0.2, 0.8, 1), abs=0.05)
        connection.ask("pin", vm=SECOND, cpus=0b01)
        assert shares(connection, 3) == pytest.approx((0.2, 1, 1.2), abs=0.05)
        with pytest.raises(CtlError, match="no such processor"):
            connection.ask("pin", vm=SECOND, cpus=0b100)
        (counted,) = connection.ask("stats", vm=SECOND)["vcpus"]
        assert sum(counted["exits"].values()) > 0
        said = connection.ask("log", **{"from": 0})["lines"]
        assert any("first: started" in line for line in said)
        assert connection.ask("mem")["free"] > 100 * MIB
