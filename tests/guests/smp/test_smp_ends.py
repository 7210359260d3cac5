from __future__ import annotations

import pytest

from tests.guests.smp.conftest import HOST_CPUS, BootSmp

RESETS = 20
NEVER = "no guest says this: the run ends when all guests have stopped"

pytestmark = pytest.mark.parametrize("cpus", HOST_CPUS[1:2])


def monitor(lines: list[str]) -> list[str]:
    return [line for line in lines if line.startswith("keelback: ")]


def test_a_triple_fault_of_one_vcpu_ends_its_vm_and_no_other(boot_smp: BootSmp, cpus: int) -> None:
    lines = boot_smp("qemu", cpus, {"faulty": "triple-fault", "other": "heartbeat"}, "other:end of beats")
    reports = [i for i, line in enumerate(lines) if "faulty" in line and "triple fault" in line]
    beats = [i for i, line in enumerate(lines) if "beat " in line]
    assert reports and any(i > reports[-1] for i in beats)
    assert not any("PANIC" in line or "machine goes on" in line for line in lines)
    assert any("end of beats" in line for line in lines)


@pytest.mark.parametrize("way", ["cf9", "keyboard"])
def test_the_machine_starts_over_though_its_processors_are_busy(boot_smp: BootSmp, cpus: int, way: str) -> None:
    lines = boot_smp("qemu", cpus, {"smp": f"resets {way}"}, NEVER)
    assert sum("reset by the guest" in line for line in monitor(lines)) == RESETS
    assert sum("busy True" in line for line in lines) == RESETS
    assert any("powered off" in line for line in monitor(lines))
    assert not any("PANIC" in line or "FAIL" in line for line in lines)


def test_power_off_by_one_vcpu_ends_all(boot_smp: BootSmp, cpus: int) -> None:
    lines = boot_smp("qemu", cpus, {"smp": "power-off"}, NEVER)
    assert any("smp: powered off" in line for line in monitor(lines))
    assert not any("PANIC" in line or "machine goes on" in line for line in lines)


def test_all_vcpus_halted_with_interrupts_off_have_ended(boot_smp: BootSmp, cpus: int) -> None:
    lines = boot_smp("qemu", cpus, {"smp": "all-halt"}, NEVER)
    assert "keelback: smp: halted with interrupts off: nothing can wake it" in lines
    assert "guest: awake" not in lines


def test_one_vcpu_that_its_timer_will_wake_keeps_the_vm_alive(boot_smp: BootSmp, cpus: int) -> None:
    lines = boot_smp("qemu", cpus, {"smp": "one-wakes"}, NEVER)
    woken = lines.index("guest: woken by its timer")
    assert woken < lines.index("keelback: smp: halted with interrupts off: nothing can wake it")
