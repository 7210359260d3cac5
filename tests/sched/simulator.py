"""Scenarios for the simulated machine of `world.py`: who is there, and what came out. It runs natively."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from codegen.back.jit import NativeModule, compile_native
from codegen.front.lower import lower_program, module_functions
from codegen.front.program import host_target
from codegen.lang import host, u32, u64
from hypervisor.sched.entity import entity_start, share_start
from hypervisor.sched.queues import PROCESSORS, QUEUES
from hypervisor.sched.realtime import make_realtime
from hypervisor.sched.scheduler import allow, wake
from tests.sched import world
from tests.sched.world import ENTITIES, GUESTS, SHARES, WORLD

CORE = "entity ring fair_queue queues cap realtime decide scheduler".split()
MODULES = [importlib.import_module(f"hypervisor.sched.{name}") for name in CORE]
US = 1_000
MS = 1_000_000
SECOND = 1_000_000_000
EVERYWHERE = ~0


@functools.cache
def native() -> NativeModule:
    modules = [*MODULES, importlib.import_module("hypervisor.cpu.spin_lock"), world]
    program, diagnostics = lower_program(module_functions(modules), modules, host_target())
    assert not diagnostics, "".join(d.render() for d in diagnostics)
    return compile_native(program, 2)


def natively(function: Any, *arguments: Any) -> Any:
    return native().call(function, *arguments)


def in_cpython(function: Any, *arguments: Any) -> Any:
    return function(*arguments)


@dataclass(frozen=True)
class Vm:
    """`vcpus` entities of one share. They run and sleep by chance for times within these bounds (ns); by default they
    never sleep; `every` not 0: a burst comes so often. `cpus` is a mask; `realtime` (budget, period, processor) of each
    entity."""

    weight: int = 100
    cap: int = 0
    vcpus: int = 1
    run: tuple[int, int] = (0, 0)
    sleep: tuple[int, int] = (0, 0)
    every: int = 0
    cpus: int = EVERYWHERE
    realtime: tuple[int, int, int] | None = None
    due: int = SECOND


@dataclass(frozen=True)
class Outcome:
    """What became of one VM."""

    ran: int
    latency: int
    response: int
    missed: int
    wakes: int


class Simulation:
    """A machine with these VMs; every entity begins awake. `call` is how the language's functions run."""

    def __init__(
        self, processors: int, vms: Sequence[Vm], seed: int = 1, jitter: int = 0, call: Any = natively
    ) -> None:
        host.reset()
        self.call, self.processors, self.vms = call, processors, vms
        self.members: list[range] = []
        call(world.begin, u32(processors), u64(seed), u64(jitter))
        number = 0
        for place, vm in enumerate(vms):
            call(share_start, SHARES[place], u32(vm.weight), u32(vm.cap))
            self.members.append(range(number, number + vm.vcpus))
            for _ in range(vm.vcpus):
                self._add(number, SHARES[place], vm)
                number += 1
        WORLD.guests = number
        for i in range(number):
            call(world.awaken, u32(i))
        self._act_on_kicks()

    def _add(self, number: int, share: Any, vm: Vm) -> None:
        guest = GUESTS[number]
        guest.zero()
        guest.run_min, guest.run_max = vm.run
        guest.sleep_min, guest.sleep_max = vm.sleep
        guest.every, guest.due = vm.every, vm.due
        allowed = vm.cpus & ((1 << self.processors) - 1)
        self.call(entity_start, ENTITIES[number], share, u32(number), u64(allowed))
        if vm.realtime is not None:
            budget, period, cpu = vm.realtime
            assert self.call(make_realtime, ENTITIES[number], u32(cpu), u64(budget), u64(period))

    def _act_on_kicks(self) -> None:
        for cpu in range(self.processors):
            if int(PROCESSORS.kicks.load()) >> cpu & 1:
                WORLD.acts_at[cpu] = WORLD.now
        PROCESSORS.kicks.store(0)

    def run(self, events: int) -> int:
        """So many events; how many decisions were made until now. The queues are whole, and nobody is misplaced."""
        decisions = int(self.call(world.run, u64(events)))
        assert int(self.call(world.audit)) == 0
        assert int(WORLD.misplaced) == 0
        return decisions

    def wake(self, number: int) -> None:
        self.call(wake, ENTITIES[number], WORLD.now)
        self._act_on_kicks()

    def allow(self, vm: int, cpus: int) -> None:
        """All entities of the VM run on these processors from now on."""
        for number in self.members[vm]:
            assert self.call(allow, ENTITIES[number], u64(cpus), WORLD.now)
            self._act_on_kicks()

    @property
    def now(self) -> int:
        return int(WORLD.now)

    @property
    def idle(self) -> int:
        return sum(int(WORLD.idle[cpu]) for cpu in range(self.processors))

    @property
    def unused(self) -> int:
        """How often somebody was seen waiting for a processor that idled."""
        return int(WORLD.idle_while_waiting)

    @property
    def pulls(self) -> int:
        return sum(int(QUEUES[cpu].pulls) for cpu in range(self.processors))

    def outcome(self, vm: int) -> Outcome:
        guests = [GUESTS[i] for i in self.members[vm]]
        return Outcome(
            sum(self.ran(vm)),
            max(int(g.latency_max) for g in guests),
            max(int(g.response_max) for g in guests),
            sum(int(g.missed) for g in guests),
            sum(int(g.wakes) for g in guests),
        )

    def ran(self, vm: int) -> list[int]:
        return [int(ENTITIES[i].ran) for i in self.members[vm]]

    def all_ran(self) -> list[int]:
        return [sum(self.ran(vm)) for vm in range(len(self.vms))]

    def run_settled(self, before: int, events: int) -> list[float]:
        """What each VM got, in processors, during so many events after those of the beginning."""
        self.run(before)
        ran, now = self.all_ran(), self.now
        self.run(events)
        return [(after - earlier) / (self.now - now) for earlier, after in zip(ran, self.all_ran(), strict=True)]


def ideal(vms: Sequence[Vm], processors: int) -> list[float]:
    """What fluid scheduling by weight gives VMs that always want to run, in processors: nobody more than its vCPUs."""
    left, room = dict(enumerate(vms)), float(processors)
    given = [0.0] * len(vms)
    while left:
        each = room / sum(vm.weight for vm in left.values())
        full = {place: vm for place, vm in left.items() if vm.weight * each > vm.vcpus} or left
        for place, vm in full.items():
            given[place] = min(vm.weight * each, float(vm.vcpus))
            room -= given[place]
        left = {place: vm for place, vm in left.items() if place not in full}
    return given
