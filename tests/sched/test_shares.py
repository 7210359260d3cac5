import pytest

from codegen.lang import u32, u64
from hypervisor.sched.entity import share_change
from hypervisor.sched.fair_queue import LAG_MAX
from hypervisor.sched.queues import QUEUES
from tests.sched import world
from tests.sched.simulator import MS, US, Simulation, Vm, ideal
from tests.sched.world import ENTITIES, SHARES


def assert_near(found: list[float], expected: list[float], part: float) -> None:
    wrong = [(f, e) for f, e in zip(found, expected, strict=True) if abs(f - e) > part * e]
    assert wrong == []


WEIGHTS = {
    "two": [100, 300],
    "4:2:1": [400, 200, 100],
    "far apart": [10_000, 1_000, 100, 10],
    "fifty": [100 + 17 * i for i in range(50)],
}


@pytest.mark.parametrize("weights", WEIGHTS.values(), ids=WEIGHTS.keys())
def test_one_processor_is_shared_by_weight(weights: list[int]) -> None:
    vms = [Vm(weight) for weight in weights]
    events = 300 * sum(weights) // min(weights)
    assert_near(Simulation(1, vms, jitter=20 * US).run_settled(events // 5, events), ideal(vms, 1), 0.01)


MACHINES = {
    "2 CPUs, 4:2:1, the first with 2 vCPUs": (2, [Vm(400, vcpus=2), Vm(200), Vm(100)]),
    "2 CPUs, three equal ones": (2, [Vm(), Vm(), Vm()]),
    "2 CPUs, equal weights, 1 and 4 vCPUs": (2, [Vm(), Vm(vcpus=4)]),
    "4 CPUs, 4 and 16 vCPUs": (4, [Vm(300, vcpus=4), Vm(100, vcpus=16)]),
    "8 CPUs, 17 VMs that hardly fit": (8, [Vm(100 + i % 7 * 100) for i in range(17)]),
    "64 CPUs, 130 VMs": (64, [Vm(100 + i % 7 * 100) for i in range(130)]),
    "64 CPUs, 4096 vCPUs": (64, [Vm(100 + i % 7 * 100) for i in range(4096)]),
}


@pytest.mark.parametrize(("processors", "vms"), MACHINES.values(), ids=MACHINES.keys())
def test_all_processors_are_shared_by_weight(processors: int, vms: list[Vm]) -> None:
    found = Simulation(processors, vms, jitter=20 * US).run_settled(1_000_000, 3_000_000)
    assert_near(found, ideal(vms, processors), 0.01)


INFEASIBLE = {
    "one that wants more than a processor": (2, [Vm(10_000), Vm(), Vm()]),
    "two of them": (4, [Vm(10_000), Vm(300), Vm(), Vm(), Vm(), Vm()]),
    "with less weight than that": (8, [Vm(100 + i % 7 * 100) for i in range(12)]),
}


@pytest.mark.parametrize(("processors", "vms"), INFEASIBLE.values(), ids=INFEASIBLE.keys())
def test_a_weight_that_cannot_be_met_is_clamped_and_the_rest_shared(processors: int, vms: list[Vm]) -> None:
    found = Simulation(processors, vms, jitter=20 * US).run_settled(200_000, 1_000_000)
    assert_near(found, ideal(vms, processors), 0.01)


def test_shares_of_others_hold_while_one_sleeps_and_wakes() -> None:
    sleeper = Vm(400, run=(100 * US, 2 * MS), sleep=(1 * MS, 30 * MS))
    _, two, one = Simulation(1, [sleeper, Vm(200), Vm(100)]).run_settled(20_000, 400_000)
    assert two / one == pytest.approx(2, rel=0.01)


def test_who_sleeps_now_and_then_gets_what_it_asks_for_below_its_share() -> None:
    sleeper = Vm(100, every=10 * MS, run=(2 * MS, 2 * MS))
    got, *others = Simulation(1, [sleeper, Vm(), Vm()]).run_settled(20_000, 400_000)
    assert got == pytest.approx(0.2, rel=0.01)
    assert others == pytest.approx([0.4, 0.4], rel=0.01)


def test_sleeping_gains_nothing() -> None:
    # It would like to have four fifths, in short bursts; a third is its share.
    greedy = Vm(100, run=(4 * MS, 4 * MS), sleep=(1 * MS, 1 * MS))
    got, *_ = Simulation(1, [greedy, Vm(), Vm()]).run_settled(20_000, 400_000)
    assert 0.25 < got < 0.34


def test_nobody_gets_ahead_of_its_share_by_more_than_its_requests() -> None:
    simulation = Simulation(1, [Vm(1000), Vm(1000), *[Vm(50)] * 40])
    simulation.run(100)
    for _ in range(500):
        simulation.call(world.run, u64(1))
        ahead = int(ENTITIES[0].virtual_time) - int(QUEUES[0].level.load())
        assert ahead <= 2 * int(ENTITIES[0].length)


def test_who_has_a_processor_alone_does_not_fall_behind_the_others_for_ever() -> None:
    simulation = Simulation(2, [Vm(10_000), Vm(), Vm()])
    simulation.run(3_000)
    heavy, light = ENTITIES[0], ENTITIES[1]
    behind = int(QUEUES[int(light.cpu)].level.load()) - int(QUEUES[int(heavy.cpu)].level.load())
    assert behind <= (LAG_MAX + 2) * int(heavy.length) + 2 * int(light.length)


def test_a_new_weight_holds_from_the_next_request_on() -> None:
    simulation = Simulation(1, [Vm(100), Vm(100)])
    simulation.run(1_000)
    simulation.call(share_change, SHARES[0], u32(300), u32(0))
    assert simulation.run_settled(100, 40_000) == pytest.approx([0.75, 0.25], rel=0.01)
