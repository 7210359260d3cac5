from __future__ import annotations

import pytest

HOSTS = ("bochs", "qemu")


@pytest.mark.parametrize("host", HOSTS)
def test_a_triple_fault_ends_that_guest_only(boot, host):
    lines = boot(host, "triple-fault", "all guests have stopped")
    assert any("checks" in line and "triple fault" in line for line in lines if line.startswith("keelback: "))
    assert not any("PANIC" in line for line in lines)


@pytest.mark.parametrize("host", HOSTS)
def test_running_off_the_memory_ends_that_guest_only(boot, host):
    lines = boot(host, "run-away", "all guests have stopped")
    assert any("ran off its memory" in line and "0xc0000000" in line for line in lines)
    assert not any("PANIC" in line for line in lines)
