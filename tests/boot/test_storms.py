"""Guests that cost the monitor as much as they can beside one of the same weight, which computes and counts what it
executes: it loses nothing of its share, neither by the scheduler's books nor by its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from boot.machines.machine import Host
from tests.boot.scheduled import Shares, built, measured

COUNTS = 'kernel = "up"\ncmdline = "count"'
RESTARTS = 'on_crash = "restart"\nrestart_limit = 32\nrestart_window = "1ms"'
STORMS = {
    "exit": 'kernel = "up"\ncmdline = "exit-storm"',
    "fault": 'kernel = "up"\ncmdline = "msr-storm"',
    "log": 'kernel = "up"\ncmdline = "flood"',
    "tick": 'kernel = "up"\ncmdline = "tick-storm"',
    "nap": 'kernel = "up"\ncmdline = "nap-storm"',
    "stumble": 'kernel = "up"\ncmdline = "stumble-storm"',
    "self-ipi": 'kernel = "up"\ncmdline = "self-ipi-storm"',
    "ipi": 'kernel = "smp"\nvcpus = 4\ncmdline = "ipi-storm"',
    "wake": 'kernel = "smp"\nvcpus = 4\ncmdline = "wake-storm"',
    "crash": f'kernel = "up"\ncmdline = "triple-fault"\n{RESTARTS}',
    "reset": 'kernel = "up"\ncmdline = "reset"\nrestart_limit = 32\nrestart_window = "1ms"',
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("storms"), "release", "amd-v", "vt-x")


@pytest.fixture(scope="module")
def undisturbed(folder: Path) -> float:
    """What a guest executes beside one that does nothing but count, on Bochs: its half less what turns cost."""
    return measured(folder, COUNTS, COUNTS, host=Host.BOCHS).counted[-1]


def has_its_half(shares: Shares, executed: float) -> None:
    """`executed` is what the neighbour executes itself, at best."""
    assert shares.used[-1] >= 0.97 * 0.5, shares.text
    assert shares.counted[-1] >= 0.97 * executed, shares.text


@pytest.mark.parametrize("storm", STORMS)
def test_a_storm_takes_nothing_of_its_neighbours_half_of_a_processor(folder: Path, storm: str) -> None:
    has_its_half(measured(folder, STORMS[storm], COUNTS), 0.5)


@pytest.mark.parametrize("storm", STORMS)
def test_so_on_vt_x(folder: Path, undisturbed: float, storm: str) -> None:
    has_its_half(measured(folder, STORMS[storm], COUNTS, host=Host.BOCHS), undisturbed)


@pytest.mark.parametrize("storm", ["ipi", "wake"])
def test_a_vm_that_interrupts_itself_on_two_processors_leaves_its_neighbour_one(folder: Path, storm: str) -> None:
    # QEMU's processors share one clock, and an interrupt ends the emulator's turn of one: there only the books count.
    shares = measured(folder, STORMS[storm], COUNTS, cpus=2)
    assert shares.used[-1] >= 0.97, shares.text
    shares = measured(folder, STORMS[storm], COUNTS, cpus=2, host=Host.BOCHS)
    assert shares.used[-1] >= 0.97, shares.text
    assert shares.counted[-1] >= 0.97 * 0.97, shares.text
