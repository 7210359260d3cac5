from __future__ import annotations

import pytest

from codegen.lang import u32
from hypervisor.devices.lapic.posted import post_vector
from hypervisor.sched import turn as turn_module
from hypervisor.sched.notify import notify
from hypervisor.vcpu.pool import VCPUS
from hypervisor.vcpu.vcpu import INTERRUPT_WORK, NMI_WORK, SERVE_WORK, VcpuWork
from tests.posted.interleavings import Explorer
from tests.turns.world import World


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def send(vector: int) -> None:
    post_vector(VCPUS[0].lapic.posted, u32(vector), level=False)
    notify(VCPUS[0], u32(INTERRUPT_WORK))


def explore(world: World, vector: int) -> int:
    """Processor 0 gives the vCPU its turn while another sends; afterwards nothing may be left for one that sleeps."""
    explorer = Explorer(lambda number: [])

    def check() -> None:
        world.finish(0)
        vcpu = VCPUS[0]
        assert world.taken == [vector]
        assert vcpu.lapic.posted.summary.load() == 0 and vcpu.lapic.irr_words == 0
        assert vcpu.work.load() & u32(VcpuWork(serve=True, interrupt=True)) == 0

    explorer.explore(lambda: world.reset(1), [lambda: world.turn(0), lambda: send(vector)], check)
    return explorer.orders


def test_an_interrupt_that_comes_while_its_vcpu_falls_asleep_wakes_it(world: World) -> None:
    assert explore(world, 0x41) > 10


@pytest.mark.parametrize("work", [SERVE_WORK, NMI_WORK])
def test_other_work_is_seen_as_well(world: World, work: int) -> None:
    explorer = Explorer(lambda number: [])

    def check() -> None:
        if not world.is_blocked(0):
            return
        assert VCPUS[0].work.load() & work == 0, "it sleeps beside its work"

    explorer.explore(lambda: world.reset(1), [lambda: world.turn(0), lambda: notify(VCPUS[0], u32(work))], check)
    assert explorer.orders > 5


def test_without_the_second_look_it_would_be_lost(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(vcpu: object, cpu: object, following: object) -> bool:
        VCPUS[0].asleep.store(1)
        return True

    monkeypatch.setattr(turn_module, "fall_asleep", careless)
    with pytest.raises(AssertionError):
        explore(world, 0x41)
