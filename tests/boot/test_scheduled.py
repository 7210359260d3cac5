"""Weights, caps and budgets of a configuration, measured by the monitor on the machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from boot.machines.machine import MIB, Host
from tests.boot import scheduled
from tests.boot.scheduled import built


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("scheduled"), "release", "amd-v", "vt-x")


def measured(
    folder: Path, *vms: str, memory: int = 512 * MIB, cpus: int = 1, host: Host = Host.QEMU
) -> tuple[list[float], str]:
    """The part of one processor that each vCPU has had; guests spin on all of theirs."""
    keys = (f'kernel = "up"\ncmdline = "spin"\n{each}' for each in vms)
    shares = scheduled.measured(folder, *keys, memory=memory, cpus=cpus, host=host)
    return shares.used, shares.text


def test_three_spinning_guests_have_the_processor_by_weight(folder: Path) -> None:
    used, text = measured(folder, "weight = 400", "weight = 200", "weight = 100")
    assert len(used) == 3, text
    assert [each * 7 / sum(used) for each in used] == pytest.approx([4, 2, 1], rel=0.03)
    assert sum(used) > 0.9


@pytest.mark.parametrize("host", [Host.QEMU, Host.BOCHS])
def test_two_processors_are_shared_by_weight_also_with_a_vm_that_uses_both(folder: Path, host: Host) -> None:
    used, text = measured(folder, "weight = 400\nvcpus = 2", "weight = 200", "weight = 100", cpus=2, host=host)
    assert len(used) == 4, text
    assert [each * 7 / sum(used) for each in (used[0] + used[1], *used[2:])] == pytest.approx([4, 2, 1], rel=0.03)
    assert sum(used) > 1.9


def test_a_weight_that_cannot_be_met_leaves_its_excess_to_the_others_by_theirs(folder: Path) -> None:
    used, text = measured(folder, "weight = 10000", "weight = 200", "weight = 100", cpus=2)
    assert used == pytest.approx([1, 2 / 3, 1 / 3], rel=0.03), text


def test_equal_weights_are_equal_shares_whatever_the_number_of_vcpus(folder: Path) -> None:
    used, text = measured(folder, "vcpus = 4", "", cpus=2)
    assert [sum(used[:4]), used[4]] == pytest.approx([1, 1], rel=0.03), text


def test_caps_and_budgets_hold_and_a_processor_that_does_not_run_is_an_error_in_words(folder: Path) -> None:
    used, text = measured(folder, "weight = 10000\ncap = 20", 'budget = "3ms"\nperiod = "10ms"', "", "cpus = [1]")
    assert len(used) == 3, text
    assert used[:2] == pytest.approx([0.2, 0.3], rel=0.02)
    assert used[2] > 0.4
    assert "vm3: cannot be made: `cpus` names a processor that this machine" in text


def test_sixteen_guests_share_fifteen_asids_and_a_debug_image_asserts_at_each_entry(tmp_path: Path) -> None:
    used, text = measured(built(tmp_path, "debug", "amd-v"), *[""] * 16, memory=1024 * MIB)
    assert used == pytest.approx([1 / 16] * 16, rel=0.06), text
