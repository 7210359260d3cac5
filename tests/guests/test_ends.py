from __future__ import annotations

import pytest

from tests.guests.conftest import Boot

HOSTS = ("bochs", "qemu")
NEVER = "no guest says this: the run ends when all guests have stopped"


@pytest.mark.parametrize("host", HOSTS)
def test_a_triple_fault_ends_that_guest_only(boot: Boot, host: str) -> None:
    lines = boot(host, "triple-fault", NEVER)
    assert any("checks" in line and "triple fault" in line for line in lines if line.startswith("keelback: "))
    assert not any("PANIC" in line for line in lines)


@pytest.mark.parametrize("host", HOSTS)
def test_running_off_the_memory_ends_that_guest_only(boot: Boot, host: str) -> None:
    lines = boot(host, "run-away", NEVER)
    assert any("ran off its memory" in line and "0xc0000000" in line for line in lines)
    assert not any("PANIC" in line for line in lines)


@pytest.mark.parametrize("host", HOSTS)
def test_a_guest_that_nothing_can_wake_has_ended(boot: Boot, host: str) -> None:
    lines = boot(host, "halt-for-ever", NEVER)
    assert "keelback: checks: halted with interrupts off: nothing can wake it" in lines
    assert "guest: awake" not in lines


def test_paging_cannot_be_left_in_64_bit_code(boot: Boot) -> None:
    # On VT-x only: QEMU's TCG lets the guest clear CR0.PG in 64-bit code, which hardware refuses.
    text = "guest: PASS paging cannot be left in 64 bit code"
    assert text in boot("bochs", "leave-paging", text)
