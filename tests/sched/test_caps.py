import pytest

from codegen.lang import u64
from hypervisor.sched.entity import CAP_WINDOW
from hypervisor.sched.queues import QUEUES
from tests.sched import world
from tests.sched.simulator import MS, US, Simulation, Vm

SPINNING = {
    "alone": (1, [Vm(cap=30)]),
    "beside another": (1, [Vm(cap=30), Vm()]),
    "against its weight": (1, [Vm(10_000, cap=5), Vm()]),
    "4 vCPUs on 4 CPUs": (4, [Vm(cap=150, vcpus=4), Vm(vcpus=4)]),
    "a share for one vCPU of four": (2, [Vm(cap=50, vcpus=4)]),
    "16 vCPUs on 2 CPUs": (2, [Vm(1000, cap=77, vcpus=16), Vm(vcpus=2)]),
}


@pytest.mark.parametrize(("processors", "vms"), SPINNING.values(), ids=SPINNING.keys())
def test_a_capped_vm_gets_its_cap(processors: int, vms: list[Vm]) -> None:
    got, *_ = Simulation(processors, vms, jitter=20 * US).run_settled(2_000, 40_000)
    assert got == pytest.approx(vms[0].cap / 100, rel=0.02)


def test_a_capped_vm_has_its_part_of_the_first_window_too() -> None:
    simulation = Simulation(1, [Vm(cap=30)])
    while simulation.now < CAP_WINDOW:
        simulation.run(1)
    assert simulation.ran(0) == [CAP_WINDOW * 30 // 100]


BURSTS = Vm(cap=30, run=(20 * MS, 40 * MS), sleep=(1 * MS, 90 * MS))
WINDOWS = {**SPINNING, "bursts that cross borders": (1, [BURSTS, Vm()])}


@pytest.mark.parametrize("jitter", [0, 50 * US])
@pytest.mark.parametrize(("processors", "vms"), WINDOWS.values(), ids=WINDOWS.keys())
def test_no_window_sees_more_than_the_cap_and_what_late_preemption_adds(
    processors: int, vms: list[Vm], jitter: int
) -> None:
    simulation = Simulation(processors, vms, jitter=jitter)
    quota = vms[0].cap * CAP_WINDOW // 100
    window, ran_before = 0, 0
    for _ in range(6_000):
        simulation.call(world.run, u64(1))
        for cpu in range(processors):
            running = QUEUES[cpu].current
            if running is not None and int(running.tag) in simulation.members[0]:
                assert int(QUEUES[cpu].decide_at) <= (int(QUEUES[cpu].since) // CAP_WINDOW + 1) * CAP_WINDOW
        if simulation.now // CAP_WINDOW != window:
            ran = simulation.all_ran()[0]
            # A turn that crosses the border is charged to one side: it is late by the jitter at most, on each CPU.
            assert ran - ran_before <= quota + 2 * processors * jitter
            window, ran_before = simulation.now // CAP_WINDOW, ran
    assert window > 20


def test_what_a_cap_leaves_goes_to_the_others_and_nobody_idles_beside_them() -> None:
    simulation = Simulation(2, [Vm(cap=40, vcpus=2), Vm(), Vm()], jitter=20 * US)
    _, *others = simulation.run_settled(2_000, 40_000)
    assert others == pytest.approx([0.8, 0.8], rel=0.02)
    assert simulation.unused == 0


def test_a_capped_vm_that_sleeps_has_its_cap_and_no_more() -> None:
    capped = Vm(cap=20, run=(1 * MS, 9 * MS), sleep=(1 * MS, 9 * MS))
    got, rest = Simulation(1, [capped, Vm()], jitter=20 * US).run_settled(2_000, 40_000)
    assert got == pytest.approx(0.2, rel=0.02)
    assert rest == pytest.approx(0.8, rel=0.02)
