import pytest

from hypervisor.sched.entity import SLICE
from tests.sched.simulator import MS, US, Simulation, Vm

JITTER = 20 * US


@pytest.mark.parametrize("weight", [100, 1000])
@pytest.mark.parametrize("others", [1, 2, 7, 30, 200, 4000])
def test_who_uses_less_than_its_share_runs_within_the_bound(others: int, weight: int) -> None:
    # Weights add up to `total`: a request takes SLICE * total / weight on this processor; classes round it up twice.
    total = (100 * others + weight) / weight
    rare = Vm(weight, run=(10 * US, 10 * US), sleep=(1 * MS, 40 * MS))
    simulation = Simulation(1, [rare, *[Vm()] * others], jitter=JITTER)
    simulation.run(200_000)
    assert simulation.outcome(0).wakes > 20
    assert simulation.outcome(0).latency <= 2 * SLICE * total + SLICE + JITTER


@pytest.mark.parametrize("others", [1, 7, 100])
def test_who_always_wants_to_run_never_waits_much_longer_than_a_round(others: int) -> None:
    rare = Vm(run=(1 * MS, 9 * MS), sleep=(10 * US, 10 * US))
    simulation = Simulation(1, [rare, *[Vm()] * others], jitter=JITTER)
    simulation.run(200_000)
    assert simulation.outcome(0).latency <= 4 * SLICE * (others + 1) + SLICE
