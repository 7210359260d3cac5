from __future__ import annotations

import pytest

from tests.guests.conftest import Boot
from tests.guests.main import CHECKS

# QEMU's TCG takes addresses that are not canonical and any upper half of CR0 without a fault; INT1 calls its debugger;
# an exception that is met while an injected one is delivered replaces it.
NOT_ON_TCG = (
    "an address that is not canonical faults",
    "cr0 refuses its upper half",
    "int1 arrives once",
    "an injected exception without a gate is a double fault",
)
ENDS = {"bochs": "guest: end 0 failed", "qemu": f"guest: end {len(NOT_ON_TCG)} failed"}
NAMES = [bytes(check.name).decode() for check in CHECKS]


@pytest.fixture(scope="module", params=ENDS)
def lines(boot: Boot, request: pytest.FixtureRequest) -> list[str]:
    return boot(request.param, "", ENDS[request.param])


def test_every_check_has_its_own_name() -> None:
    assert len(set(NAMES)) == len(NAMES)


def test_the_guest_reaches_its_end(lines: list[str]) -> None:
    assert set(ENDS.values()) & set(lines)


@pytest.mark.parametrize("name", NAMES)
def test_the_guest_finds(lines: list[str], name: str) -> None:
    if name in NOT_ON_TCG and ENDS["qemu"] in lines:
        pytest.xfail("the emulator's own fault")
    # A line of the monitor may stand in the middle of one of the guest's.
    guest = "".join(line for line in lines if not line.startswith("keelback: "))
    assert f"guest: PASS {name}" in guest


def test_outs_prints_its_string(lines: list[str]) -> None:
    assert "guest: PASS outs writes a string" in lines


def test_an_unknown_msr_is_logged(lines: list[str]) -> None:
    assert any("unknown MSR 0x12345678 refused" in line for line in lines)
