"""Any sequence of calls leaves the queues whole, and CPython and native code agree on it to the byte."""

from __future__ import annotations

import hashlib
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.lang import memory, u32, u64
from hypervisor.cpu.per_cpu import CPU
from hypervisor.sched.entity import EntityState, share_change
from hypervisor.sched.queues import QUEUES
from hypervisor.sched.scheduler import allow, block, decide, retire, wake, yield_turn
from tests.sched import world
from tests.sched.simulator import MS, US, Simulation, Vm, in_cpython, natively
from tests.sched.world import ENTITIES, SHARES, WORLD

PROCESSORS = 3
VMS = [
    Vm(100, vcpus=2),
    Vm(700, cap=40, vcpus=2),
    Vm(3, cpus=0b010),
    Vm(realtime=(2 * MS, 9 * MS, 1)),
    Vm(realtime=(1 * MS, 4 * MS, 1)),
]
ENTITY_COUNT = sum(vm.vcpus for vm in VMS)

cpus = st.integers(0, PROCESSORS - 1)
entities = st.integers(0, ENTITY_COUNT - 1)
steps = st.one_of(
    st.tuples(st.just("decide"), cpus, st.just(0)),
    st.tuples(st.just("block"), cpus, st.just(0)),
    st.tuples(st.just("yield"), cpus, st.just(0)),
    st.tuples(st.just("wake"), entities, st.just(0)),
    st.tuples(st.just("retire"), entities, cpus),
    st.tuples(st.just("allow"), entities, st.integers(1, 7)),
    st.tuples(st.just("change"), st.integers(0, 2), st.integers(1, 10_000)),
    st.tuples(st.just("pass"), st.integers(0, 70_000), st.just(0)),
)
Step = tuple[str, int, int]


def do(call: Any, step: Step) -> object:
    """One call; what it gives, as something that compares."""
    what, first, second = step
    now = u64(WORLD.now)
    match what:
        case "decide":
            chosen = call(decide, u32(first), now)
            return None if chosen is None else int(chosen.tag)
        case "block":
            return call(block, u32(first), now)
        case "yield":
            call(yield_turn, u32(first), now)
        case "wake":
            call(wake, ENTITIES[first], now)
        case "retire":
            return call(retire, ENTITIES[first], u32(second), now)
        case "allow":
            entity = ENTITIES[first]
            if entity.budget == 0:
                assert call(allow, entity, u64(second), now)
                if entity.state == EntityState.RUNNING:  # it was kicked
                    call(decide, entity.cpu, now)
        case "change":
            call(share_change, SHARES[first], u32(second), u32(second % 90))
        case "pass":
            WORLD.now = int(WORLD.now) + first * US
    return None


def check_states() -> None:
    running = [QUEUES[cpu].current for cpu in range(PROCESSORS)]
    tags = [int(entity.tag) for entity in running if entity is not None]
    assert len(tags) == len(set(tags)), "one entity on two processors"
    for cpu, entity in enumerate(running):
        assert entity is None or int(entity.cpu) == cpu and int(entity.allowed) >> cpu & 1
    for number in range(ENTITY_COUNT):
        state = ENTITIES[number].state
        assert state != EntityState.MOVING
        assert (state == EntityState.RUNNING) <= (number in tags)
    awake = sum(ENTITIES[number].state != EntityState.BLOCKED for number in range(ENTITY_COUNT))
    assert sum(int(SHARES[vm].active.load()) for vm in range(len(VMS))) == awake


@settings(max_examples=250, deadline=None)
@given(st.lists(steps, max_size=80))
def test_any_calls_leave_every_vcpu_in_exactly_one_place(calls: list[Step]) -> None:
    simulation = Simulation(PROCESSORS, VMS)
    began = {number: int(ENTITIES[number].ran) for number in range(ENTITY_COUNT)}
    for step in calls:
        virtual_before = [int(entity.virtual_time) for entity in map(ENTITIES.__getitem__, range(ENTITY_COUNT))]
        on_before = [QUEUES[cpu].current for cpu in range(PROCESSORS)]
        result = do(natively, step)
        assert int(natively(world.audit)) == 0
        check_states()
        if step[0] == "decide" and isinstance(result, int):
            assert ENTITIES[result].state == EntityState.RUNNING
            for cpu, entity in enumerate(on_before):
                # Virtual time of whom a processor runs on does not go back.
                if entity is not None and int(entity.tag) == result and cpu == step[1]:
                    moved = int(entity.virtual_time) - virtual_before[int(entity.tag)]
                    assert moved % (1 << 64) < 1 << 63
    assert all(int(ENTITIES[number].ran) >= began[number] for number in began)
    assert sum(simulation.all_ran()) <= PROCESSORS * simulation.now


def trail(call: Any, calls: list[Step]) -> tuple[list[object], str]:
    simulation = Simulation(PROCESSORS, VMS, call=call)
    results = [do(call, step) for step in calls]
    simulation.run(60)
    assert CPU.current.index == 0  # its own address is written when it is asked for, as before every native call
    everything = memory.read(memory.zeroed.start, memory.zeroed.top - memory.zeroed.start)
    return results, hashlib.sha256(everything).hexdigest()


@settings(max_examples=25, deadline=None)
@given(st.lists(steps, max_size=60))
def test_cpython_and_native_code_agree_on_any_calls(calls: list[Step]) -> None:
    assert trail(in_cpython, calls) == trail(natively, calls)


def test_cpython_and_native_code_agree_on_a_busy_machine() -> None:
    vms = [Vm(100 + 50 * i, run=(1 * MS, 5 * MS), sleep=(1 * MS, 9 * MS), cap=15 * (i % 3)) for i in range(12)]

    def end(call: Any) -> tuple[list[int], int]:
        simulation = Simulation(4, vms, jitter=20 * US, call=call)
        simulation.run(1_500)
        return simulation.all_ran(), simulation.pulls

    assert end(in_cpython) == end(natively)
