"""Commands between devices of guests and drivers that have no room, come late, or are gone."""

from __future__ import annotations

import random
from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.lang import bind, host, u8, u32, u64
from drivers.storage.command import COMMANDS, COMMANDS_MAX, BlockOutcome
from drivers.storage.disk import DISKS, DiskDriver, disk_add
from hypervisor.cpu.per_cpu import CPU, per_cpu_start
from hypervisor.storage import collect, submit
from hypervisor.storage.collect import look_at_disks, storage_interrupt
from hypervisor.storage.controllers import CONTROLLERS, NEVER, Controller, controller_add, disks_due
from hypervisor.storage.submit import TIMEOUT
from hypervisor.time.clock import clock_start


class Machine:
    """One controller with `room` for commands; what its driver has, in order, and what has come back to whom."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, room: int, driver: DiskDriver = DiskDriver.NVME) -> None:
        host.reset()
        for state in (DISKS, CONTROLLERS):
            state.zero()
        per_cpu_start(u32(0))
        clock_start(u64(1_000_000_000), u64(0))
        host.cpu.tsc = 1000
        assert disk_add(driver, u8(0), u32(0)) is not None
        made = controller_add(driver, u32(0), u32(0))
        assert made is not None
        self.controller: Controller = made
        self.room, self.wants = room, int(NEVER)
        self.has: deque[int] = deque()
        self.over: deque[int] = deque()
        self.done: list[int] = []
        for module in (submit, collect):
            monkeypatch.setattr(module, "driver_submit", self.submit, raising=False)
        monkeypatch.setattr(collect, "driver_collect", self.collect)
        monkeypatch.setattr(collect, "driver_tick", self.tick)
        bind(collect.disk_done, lambda command: self.done.append(int(command)))

    def submit(self, controller: Controller, command: u32, queue: u32) -> bool:
        assert controller.lock.serving.load() != controller.lock.next.load(), "the lock is not held"
        if len(self.has) + len(self.over) >= self.room:
            return False
        self.has.append(int(command))
        return True

    def collect(self, controller: Controller, queue: u32) -> u32 | None:
        return u32(self.over.popleft()) if self.over else None

    def tick(self, controller: Controller, now: u64) -> u64:
        for command in list(self.has):
            if int(COMMANDS[command].deadline) <= int(now):
                self.has.remove(command)
                self.over.append(command)
                COMMANDS[command].outcome = BlockOutcome.TIMED_OUT
        return u64(self.wants)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([1, 2, 7]))
def test_every_command_comes_back_once_and_those_that_wait_keep_their_order(seed: int, room: int) -> None:
    source = random.Random(seed)
    with pytest.MonkeyPatch.context() as monkeypatch:
        machine = Machine(monkeypatch, room)
        left, order = list(range(COMMANDS_MAX)), []
        source.shuffle(left)
        begun: list[int] = []
        while len(machine.done) < COMMANDS_MAX:
            if left and source.random() < 0.6:
                command = left.pop()
                order.append(command)
                submit.submit(u32(command))
                assert TIMEOUT < int(COMMANDS[command].deadline) <= TIMEOUT + int(host.cpu.tsc)
            elif machine.has:
                command = source.choice(machine.has)
                machine.has.remove(command)
                machine.over.append(command)
                if source.random() < 0.7:
                    storage_interrupt()
            elif machine.over:
                storage_interrupt()
            begun += [each for each in machine.has if each not in begun]
            assert int(machine.controller.under_way) == len(order) - len(machine.done)
        assert sorted(machine.done) == list(range(COMMANDS_MAX))
        assert [each for each in order if each in begun] == begun
        assert int(machine.controller.waiting_count) == 0 and CPU.current.storage_wanted.load() == 0


def test_what_is_late_is_looked_for_at_least_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, 4)
    submit.submit(u32(5))
    moment = 1000
    while not machine.done:
        host.cpu.tsc = moment
        look_at_disks()
        assert moment < int(disks_due()) <= int(host.cpu.tsc) + 1_000_000_010
        moment = int(disks_due())
    assert machine.done == [5] and COMMANDS[5].outcome == BlockOutcome.TIMED_OUT
    assert TIMEOUT <= moment <= TIMEOUT + 2_000_000_000


def test_a_driver_in_a_reset_is_asked_when_it_wants(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, 4)
    submit.submit(u32(5))
    machine.wants = 3000
    look_at_disks()
    assert 3000 <= int(disks_due()) <= 3002


def test_without_disks_nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    Machine(monkeypatch, 1)
    CONTROLLERS.zero()
    assert disks_due() == NEVER


@pytest.mark.parametrize("why", ["polled", "gone", "an error of ATA"])
def test_what_cannot_interrupt_is_looked_at_soon(why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, 4, DiskDriver.AHCI)
    machine.controller.polled = why == "polled"
    DISKS.disks[0].gone = why == "gone"
    CONTROLLERS.due.store(u64(1 << 60))
    submit.submit(u32(5))
    if why == "an error of ATA":
        assert disks_due() == 1 << 60
        storage_interrupt()
    assert int(disks_due()) <= int(host.cpu.tsc) + 1_000_010
    machine.over.append(machine.has.popleft())
    look_at_disks()
    assert machine.done == [5]
