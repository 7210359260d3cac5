from __future__ import annotations

import pytest

from codegen.lang import host
from hypervisor.cpu.smp.steps import START
from hypervisor.cpu.smp.tsc import CHECK, take_turn, tsc_correct

TSC_ADJUST = 0x3B


def readings(monkeypatch: pytest.MonkeyPatch, *turns: tuple[str, int]) -> tuple[int, int]:
    """The warps after these readings of "first" and "new"."""
    for who, tsc in turns:
        monkeypatch.setattr(host.cpu, "rdtsc", lambda value=tsc: value)
        take_turn(who == "first")
    return int(CHECK.new_is_behind), int(CHECK.new_is_ahead)


@pytest.mark.parametrize(
    ("turns", "warps"),
    [
        ([("first", 10), ("new", 10), ("first", 11), ("first", 12), ("new", 13)], (0, 0)),
        ([("first", 100), ("new", 60), ("first", 101), ("new", 90)], (40, 0)),
        ([("new", 160), ("first", 105), ("new", 170), ("first", 165)], (0, 55)),
        ([("first", 10), ("new", 9), ("first", 5)], (1, 4)),
    ],
)
def test_a_reading_below_the_one_before_tells_who_is_late(
    monkeypatch: pytest.MonkeyPatch, turns: list[tuple[str, int]], warps: tuple[int, int]
) -> None:
    assert readings(monkeypatch, *turns) == warps


def test_the_correction_is_added_and_may_be_negative() -> None:
    host.cpu.msrs[TSC_ADJUST] = 100
    START.tsc_correction = 40
    tsc_correct()
    START.tsc_correction = (-60) % (1 << 64)
    tsc_correct()
    assert host.cpu.msrs[TSC_ADJUST] == 80
