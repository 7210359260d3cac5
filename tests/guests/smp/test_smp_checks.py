from __future__ import annotations

import pytest

from tests.guests.smp.conftest import HOST_CPUS, BootSmp
from tests.guests.smp.main import CHECKS

NAMES = [bytes(check.name).decode() for check in CHECKS]
END = "guest: end "
MACHINES = [("bochs", 2), ("bochs", 4), *(("qemu", cpus) for cpus in HOST_CPUS)]


@pytest.fixture(scope="module", params=MACHINES, ids=lambda machine: f"{machine[0]}-{machine[1]}")
def lines(boot_smp: BootSmp, request: pytest.FixtureRequest) -> list[str]:
    host, cpus = request.param
    return boot_smp(host, cpus, {"smp": ""}, END)


def test_every_check_has_its_own_name() -> None:
    assert len(set(NAMES)) == len(NAMES)


def test_the_guest_reaches_its_end(lines: list[str]) -> None:
    assert any(END in line for line in lines)


@pytest.mark.parametrize("name", NAMES)
def test_the_smp_guest_finds(lines: list[str], name: str) -> None:
    # A line of the monitor may stand in the middle of one of the guest's.
    guest = "".join(line for line in lines if not line.startswith("keelback: "))
    assert f"guest: PASS {name}" in guest
