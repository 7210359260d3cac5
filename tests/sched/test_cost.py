"""What a decision costs: counted in executed lines of the scheduler's own source, under CPython, since the image and
the simulator run that same source. A line is constant work: none holds a loop, and no function calls itself."""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from codegen.lang import u32, u64
from hypervisor.sched.queues import QUEUES
from hypervisor.sched.scheduler import block, decide, wake
from tests.sched.simulator import MS, Simulation, Vm
from tests.sched.world import ENTITIES, WORLD

FOLDER = str(Path("hypervisor") / "sched")
DECISIONS = 40


def lines_of(call: Any, *arguments: Any) -> int:
    """How many lines of hypervisor/sched a call executes."""
    executed = 0

    def trace(frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal executed
        if FOLDER not in frame.f_code.co_filename:
            return None
        executed += event == "line"
        return trace

    before = sys.gettrace()  # who measures coverage
    sys.settrace(trace)
    try:
        call(*arguments)
    finally:
        sys.settrace(before)
    return executed


def switches(vcpus: int, weights: list[int]) -> list[int]:
    """Lines of each of some switches at the end of a turn, with so many runnable vCPUs."""
    simulation = Simulation(1, [Vm(weights[i % len(weights)]) for i in range(vcpus)])
    simulation.run(10 * vcpus)
    now, costs = simulation.now, []
    for _ in range(DECISIONS):
        now = max(now, int(QUEUES[0].decide_at))
        before = int(QUEUES[0].switches)
        lines = lines_of(decide, u32(0), u64(now))
        if int(QUEUES[0].switches) != before:
            costs.append(lines)
    assert len(costs) > DECISIONS // 3
    return costs


def test_a_switch_costs_the_same_with_2_and_with_4096_runnable_vcpus() -> None:
    assert max(switches(2, [100])) == max(switches(4096, [100]))


@pytest.mark.parametrize("vcpus", [40, 4096])
def test_no_mix_of_weights_makes_a_switch_dearer_than_its_classes_do(vcpus: int) -> None:
    weights = [max(10_000 >> i % 14, 1) for i in range(40)]
    simple = max(switches(2, [100]))
    assert max(switches(vcpus, weights)) <= simple + 18 * 10


@pytest.mark.parametrize("vcpus", [2, 4096])
def test_blocking_and_waking_cost_the_same_whoever_else_waits(vcpus: int) -> None:
    Simulation(1, [Vm() for _ in range(vcpus)]).run(10 * vcpus)
    now = int(WORLD.now) + MS
    running = QUEUES[0].current
    assert running is not None
    tag = int(running.tag)
    assert lines_of(block, u32(0), u64(now)) <= 60
    decide(u32(0), u64(now))
    assert lines_of(wake, ENTITIES[tag], u64(now)) <= 140
