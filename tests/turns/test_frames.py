"""Frames for a VM whose only vCPU is about to sleep."""

from __future__ import annotations

import pytest

from codegen.lang import u32
from hypervisor.net.port import WAITING
from hypervisor.vcpu.pool import VCPUS
from hypervisor.vcpu.vcpu import VcpuWork
from hypervisor.vm import networks
from hypervisor.vm.networks import wake_receivers
from tests.played_guest.machine import VM
from tests.posted.interleavings import Explorer
from tests.turns.world import World


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(networks, "VMS", [VM])
    return World(monkeypatch)


def bring() -> None:
    """What a sender's vCPU does behind a frame that it has put into a port's ring."""
    if int(WAITING[0].ports.fetch_or(u32(1))) == 0:
        wake_receivers(u32(1))


def explore(world: World) -> int:
    explorer = Explorer(lambda number: [])

    def begin() -> None:
        WAITING[0].ports.store(u32(0))
        world.reset(1)

    def check() -> None:
        world.finish(0)
        assert WAITING[0].ports.load() == 0, "it sleeps beside its frames"
        assert VCPUS[0].work.load() & u32(VcpuWork(serve=True)) == 0

    explorer.explore(begin, [lambda: world.turn(0), bring], check)
    return explorer.orders


def test_frames_that_come_while_the_vcpu_falls_asleep_wake_it(world: World) -> None:
    assert explore(world) > 5


def test_without_a_word_to_the_vcpu_they_would_lie_there(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(networks, "notify", lambda vcpu, work: None)
    with pytest.raises(AssertionError, match="beside its frames"):
        explore(world)
