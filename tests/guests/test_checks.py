from __future__ import annotations

import pytest

from tests.guests.main import CHECKS

HOSTS = ("bochs", "qemu")
NAMES = [bytes(check.name).decode() for check in CHECKS]


@pytest.fixture(scope="module", params=HOSTS)
def lines(boot, request):
    return boot(request.param, "", "guest: end 0 failed")


def test_every_check_has_its_own_name():
    assert len(set(NAMES)) == len(NAMES)


def test_the_guest_reaches_its_end(lines):
    assert "guest: end 0 failed" in lines


@pytest.mark.parametrize("name", NAMES)
def test_the_guest_finds(lines, name):
    assert f"guest: PASS {name}" in lines


def test_outs_prints_its_string(lines):
    assert "guest: PASS outs writes a string" in lines


def test_an_unknown_msr_is_logged(lines):
    assert any("unknown MSR 0x12345678 refused" in line for line in lines)
