import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.lang import host, u32, u64
from hypervisor.sched.entity import entity_start, share_start
from hypervisor.sched.queues import QUEUES, SERVERS_MAX, queues_start
from hypervisor.sched.realtime import RESERVED_MAX, dismiss_realtime, make_realtime, parts_of
from tests.sched.simulator import MS, US, Simulation, Vm
from tests.sched.world import ENTITIES, SHARES

JITTER = 10 * US  # the monitor's own work before it acts, in these scenarios


def periodic(budget: int, period: int, cpu: int = 0) -> Vm:
    """Work of `budget` less what late preemption may cost, at every period, due at the next."""
    work = budget - 2 * JITTER
    return Vm(realtime=(budget, period, cpu), run=(work, work), every=period, due=period)


tasks = st.lists(st.tuples(st.integers(50, 900), st.integers(1_000, 40_000)), min_size=1, max_size=SERVERS_MAX)


@settings(max_examples=60, deadline=None)
@given(tasks, st.integers(0, 40))
def test_whoever_is_admitted_meets_every_deadline(wanted: list[tuple[int, int]], others: int) -> None:
    admitted, used = [], 0
    for thousandths, period in wanted:
        budget = max(period * thousandths // 1000, 100) * US
        if budget <= period * US and used + int(parts_of(u64(budget), u64(period * US))) <= RESERVED_MAX:
            used += int(parts_of(u64(budget), u64(period * US)))
            admitted.append(periodic(budget, period * US))
    simulation = Simulation(1, [*admitted, *[Vm(10_000)] * others], jitter=JITTER)
    simulation.run(6_000)
    assert [simulation.outcome(vm).missed for vm in range(len(admitted))] == [0] * len(admitted)


def test_a_real_time_vm_that_never_stops_gets_its_budget_and_hurts_nobody() -> None:
    vms = [Vm(realtime=(2 * MS, 10 * MS, 0)), periodic(3 * MS, 7 * MS), Vm(), Vm()]
    simulation = Simulation(1, vms, jitter=JITTER)
    greedy, good, *others = simulation.run_settled(10_000, 200_000)
    assert greedy == pytest.approx(0.2, rel=0.01)
    assert simulation.outcome(1).missed == 0 and good == pytest.approx(3 / 7, rel=0.02)
    assert others == pytest.approx([(1 - greedy - good) / 2] * 2, rel=0.01)


@pytest.mark.parametrize("others", [0, 1, 30, 4000])
def test_the_wake_up_of_a_real_time_vm_does_not_wait_for_others(others: int) -> None:
    sleeping = Vm(run=(50 * US, 5 * MS), sleep=(1 * MS, 300 * MS))
    simulation = Simulation(1, [periodic(1 * MS, 5 * MS), *[sleeping] * others], jitter=JITTER)
    simulation.run(100_000)
    assert simulation.outcome(0).wakes > 200
    assert simulation.outcome(0).latency <= JITTER


def test_ordinary_vms_have_what_real_time_leaves_by_weight() -> None:
    vms = [periodic(30 * MS, 60 * MS), Vm(300), Vm(100)]
    _, three, one = Simulation(1, vms, jitter=JITTER).run_settled(10_000, 200_000)
    assert three / one == pytest.approx(3, rel=0.01)
    assert three + one == pytest.approx(0.5, rel=0.01)


def blocked(count: int) -> None:
    host.reset()
    queues_start(u32(2))
    share_start(SHARES[0], u32(100), u32(0))
    for i in range(count):
        entity_start(ENTITIES[i], SHARES[0], u32(i), u64(3))


def test_a_processor_takes_no_more_than_its_limit_and_gives_it_back() -> None:
    blocked(3)
    assert make_realtime(ENTITIES[0], u32(1), u64(5 * MS), u64(10 * MS))
    assert not make_realtime(ENTITIES[1], u32(1), u64(4 * MS + 1), u64(10 * MS))
    assert make_realtime(ENTITIES[1], u32(1), u64(4 * MS), u64(10 * MS))
    assert make_realtime(ENTITIES[2], u32(0), u64(9 * MS), u64(10 * MS))
    dismiss_realtime(ENTITIES[0])
    assert QUEUES[1].reserved == 400_000 and ENTITIES[0].budget == 0
    assert make_realtime(ENTITIES[0], u32(1), u64(5 * MS), u64(10 * MS))


def test_a_processor_takes_no_more_servers_than_it_can_look_at() -> None:
    blocked(SERVERS_MAX + 1)
    made = [make_realtime(ENTITIES[i], u32(0), u64(1 * US), u64(1 * MS)) for i in range(SERVERS_MAX + 1)]
    assert made == [True] * SERVERS_MAX + [False]


@pytest.mark.parametrize(("budget", "period"), [(0, MS), (2 * MS, MS), (1, 99 * US), (1, 1001 * MS)])
def test_budgets_and_periods_out_of_range_are_refused(budget: int, period: int) -> None:
    blocked(1)
    assert not make_realtime(ENTITIES[0], u32(0), u64(budget), u64(period))
