"""Fairness, latency and cost over all sizes of machine, as a page of plots under build/sched."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from hypervisor.sched.entity import SLICE
from tests.sched.plot import Plot, write_page
from tests.sched.simulator import MS, US, Simulation, Vm, ideal
from tests.sched.test_cost import switches

PAGE = Path(__file__).resolve().parents[2] / "build" / "sched" / "index.html"
COUNTS = (1, 2, 4, 16, 64, 256, 1024, 4096)
JITTER = 20 * US


def worst_share(processors: int, vcpus: int) -> float:
    """The greatest deviation of a vCPU from what its weight gives it, in percent of that, over 500 turns each."""
    vms = [Vm(100 + i % 7 * 100) for i in range(vcpus)]
    simulation = Simulation(processors, vms, jitter=JITTER)
    got = simulation.run_settled(100 * vcpus + 5_000, 500 * max(vcpus, processors) + 20_000)
    wanted = ideal(vms, processors)
    return max(100 * abs(g - w) / w for g, w in zip(got, wanted, strict=True))


def worst_latency(vcpus: int, rare: Vm) -> float:
    """ms from a wake-up to the first instruction, of a VM that does little beside others that never sleep."""
    simulation = Simulation(1, [rare, *[Vm()] * (vcpus - 1)], jitter=JITTER)
    simulation.run(60_000)
    return max(simulation.outcome(0).latency, 1 * US) / MS


@pytest.fixture(scope="module")
def fairness() -> dict[int, dict[int, float]]:
    return {
        processors: {vcpus: max(worst_share(processors, vcpus), 0.001) for vcpus in COUNTS if vcpus > processors}
        for processors in (1, 4, 16, 64)
    }


@pytest.fixture(scope="module")
def latency() -> dict[str, dict[int, float]]:
    rare = {"run": (10 * US, 10 * US), "sleep": (1 * MS, 40 * MS)}
    kinds = {
        "weight 100": Vm(100, **rare),  # type: ignore[arg-type]
        "weight 1000": Vm(1000, **rare),  # type: ignore[arg-type]
        "real time": Vm(realtime=(1 * MS, 10 * MS, 0), **rare),  # type: ignore[arg-type]
    }
    measured = {name: {n: worst_latency(n, vm) for n in COUNTS[1:]} for name, vm in kinds.items()}
    return measured | {"bound, weight 100": {n: (2 * n + 1) * SLICE / MS for n in COUNTS[1:]}}


def test_the_page_of_figures_shows_what_was_promised(
    fairness: dict[int, dict[int, float]], latency: dict[str, dict[int, float]]
) -> None:
    cost = {"lines": {n: float(max(switches(n, [100]))) for n in (2, 64, 4096)}}
    plots = [
        Plot(
            "Fairness",
            "Greatest deviation of any vCPU's time from what its weight (100 to 700) gives it, in percent, over 500 "
            "turns of each.",
            "vCPUs, all runnable",
            {f"{processors} CPUs": line for processors, line in fairness.items()},
        ),
        Plot(
            "Wake-up latency",
            "Longest time in ms from a wake-up to running, on one CPU, beside vCPUs of weight 100 that never sleep. "
            f"A processor reacts up to {JITTER // US} us late.",
            "vCPUs",
            latency,
        ),
        Plot("Cost of a switch", "Lines of the scheduler that the dearest of 40 decisions executes.", "vCPUs", cost),
    ]
    write_page(PAGE, "Keelback's scheduler, simulated", plots)
    assert max(error for line in fairness.values() for error in line.values()) <= 1
    assert max(latency["real time"].values()) <= JITTER / MS
    assert all(latency["weight 100"][n] <= latency["bound, weight 100"][n] + JITTER / MS for n in COUNTS[1:])
    page = PAGE.read_text()
    assert page.count("<polyline") == sum(len(plot.lines) for plot in plots)
    assert "http-equiv" not in page and "src=" not in page
    ElementTree.fromstring(page[page.index("<svg") : page.index("</svg>") + len("</svg>")])
