import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.lang import i64, u32, u64
from hypervisor.sched.queues import PROCESSORS, QUEUES
from hypervisor.sched.scheduler import decide
from tests.sched.simulator import MS, US, Simulation, Vm
from tests.sched.world import SHARES

times = st.tuples(st.integers(1, 8_000), st.integers(0, 8_000)).map(lambda t: (t[0] * US, (t[0] + t[1]) * US))


@st.composite
def machines(draw: st.DrawFn) -> tuple[int, list[Vm]]:
    processors = draw(st.sampled_from([1, 2, 3, 4, 8, 64]))
    everywhere = (1 << processors) - 1
    masks = st.integers(1, everywhere) | st.just(everywhere) | st.integers(0, processors - 1).map(lambda cpu: 1 << cpu)
    vms = []
    for _ in range(draw(st.integers(1, 12))):
        sleep = draw(st.none() | times)
        run = draw(times)
        vms.append(
            Vm(
                weight=draw(st.integers(1, 10_000)),
                cap=draw(st.sampled_from([0, 0, 0, 10, 120])),
                vcpus=draw(st.integers(1, 6)),
                run=run,
                sleep=sleep or (0, 0),
                cpus=draw(masks),
            )
        )
    return processors, vms


@settings(max_examples=150, deadline=None)
@given(machines(), st.integers(1, 1 << 40), st.sampled_from([0, 30 * US]))
def test_nobody_is_lost_or_misplaced_and_no_processor_idles_beside_work(
    machine: tuple[int, list[Vm]], seed: int, jitter: int
) -> None:
    processors, vms = machine
    simulation = Simulation(processors, vms, seed=seed, jitter=jitter)
    for _ in range(4):
        simulation.run(1_500)
    assert simulation.unused == 0
    assert sum(simulation.all_ran()) <= processors * simulation.now


@settings(max_examples=100, deadline=None)
@given(machines(), st.lists(st.tuples(st.integers(0, 11), st.integers(1, (1 << 64) - 1)), min_size=4, max_size=12))
def test_vms_are_pinned_anew_at_any_time(machine: tuple[int, list[Vm]], pins: list[tuple[int, int]]) -> None:
    processors, vms = machine
    simulation = Simulation(processors, vms, jitter=30 * US)
    for vm, cpus in pins:
        simulation.run(400)
        simulation.allow(vm % len(vms), cpus & ((1 << processors) - 1) or 1)
    simulation.run(1_500)
    assert simulation.unused == 0


def test_a_vm_that_never_sleeps_goes_to_its_new_processor_at_once() -> None:
    simulation = Simulation(3, [Vm(cpus=0b001), Vm(cpus=0b001), Vm(cpus=0b100)])
    assert simulation.run_settled(400, 4_000)[:2] == pytest.approx([0.5, 0.5], abs=0.02)
    simulation.allow(1, 0b010)
    assert simulation.run_settled(100, 4_000) == pytest.approx([1, 1, 1], abs=0.01)


def test_pinned_vms_share_their_processor_and_a_processor_of_ones_own_is_whole() -> None:
    vms = [Vm(300, cpus=1), Vm(100, cpus=1), Vm(cpus=2), *[Vm(cpus=0b1100)] * 4]
    got = Simulation(4, vms, jitter=20 * US).run_settled(4_000, 200_000)
    assert all(abs(f - e) < 0.01 for f, e in zip(got, [0.75, 0.25, 1, 0.5, 0.5, 0.5, 0.5], strict=True))


def test_an_idle_processor_takes_work_at_once() -> None:
    busy = Vm(run=(20 * MS, 20 * MS), sleep=(1 * MS, 1 * MS))
    simulation = Simulation(64, [busy] * 64)
    simulation.run(100_000)
    assert simulation.unused == 0
    assert max(simulation.outcome(vm).latency for vm in range(64)) == 0


def test_released_vcpus_of_a_capped_vm_do_not_queue_where_others_idle() -> None:
    capped = Vm(1, cap=10, vcpus=4, run=(1 * US, 1 * US), sleep=(525 * US, 525 * US))
    for seed in range(1, 60):
        simulation = Simulation(4, [capped], seed=seed, jitter=30 * US)
        simulation.run(6_000)
        assert simulation.unused == 0


def test_who_was_to_run_on_an_idle_processor_and_is_overtaken_there_goes_to_another() -> None:
    overtaken, others = Vm(1, cpus=0b101), Vm(31, cpus=0b001, vcpus=3)
    simulation = Simulation(3, [overtaken, Vm(cpus=0b010), others])
    simulation.run(400)
    assert simulation.unused == 0
    assert simulation.ran(0)[0] == simulation.now


def test_a_processor_that_finds_only_a_vcpu_whose_cap_is_reached_is_known_to_idle() -> None:
    simulation = Simulation(2, [Vm(1_000, cpus=0b01), Vm(1, cap=10, vcpus=2)])
    SHARES[1].window, SHARES[1].left = 0, i64(0)  # of the window that runs
    assert simulation.call(decide, u32(0), u64(0)) is not None
    assert simulation.call(decide, u32(1), u64(0)) is None
    assert int(QUEUES[1].pulls) == 1
    assert int(PROCESSORS.idle.load()) == 0b10
