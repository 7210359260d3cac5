from __future__ import annotations

import threading

import pytest

from codegen.lang import Trap, u32, u64
from hypervisor import profile
from hypervisor.memory.translations import has_forgotten, narrow, settle
from hypervisor.vcpu import hold as hold_module
from hypervisor.vcpu import running_on as running_on_module
from hypervisor.vcpu.hold import hold, release
from hypervisor.vcpu.run import run_slice
from hypervisor.vcpu.running_on import begin_turn, end_turn
from hypervisor.vcpu.svm.asid import start_generation
from hypervisor.vcpu.svm.state import svm_of
from hypervisor.vcpu.vmx.state import vmx_of
from hypervisor.vm import shootdown as shootdown_module
from hypervisor.vm.shootdown import shootdown
from tests.tlb.world import MACHINES, StuckError, world

EVERY_MACHINE = pytest.mark.parametrize("machine", MACHINES)


class WaitsError(Exception):
    """The shootdown would go on only after another processor has done something."""


def waits(one, cpu, vm):
    def pause():
        raise WaitsError

    one.wait = pause
    try:
        with one.on(cpu):
            shootdown(vm)
    except WaitsError:
        one.move_to(1)
        return True
    return False


@EVERY_MACHINE
def test_it_waits_for_no_processor_without_a_turn_of_that_vm(machine):
    with world(machine, 0) as one:
        one.give_turn(1, one.vcpus[2])
        one.give_turn(2, one.vcpus[0])
        one.end(2)
        assert not waits(one, 0, one.vms[0])


@EVERY_MACHINE
@pytest.mark.parametrize("looked", [False, True])
def test_it_waits_for_a_turn_that_is_beginning_whether_or_not_it_has_looked(machine, looked, monkeypatch):
    seen = []
    forget = running_on_module.forget_stale

    def interrupted(vm):
        if looked:
            forget(vm)
        seen.append(waits(one, 0, vm))
        if not looked:
            forget(vm)

    with world(machine, 0) as one:
        one.move_to(1)
        monkeypatch.setattr(running_on_module, "forget_stale", interrupted)
        begin_turn(one.vcpus[0])
    assert seen == [True]


@EVERY_MACHINE
def test_who_waits_for_a_vcpu_in_its_turn_does_not_keep_a_shootdown_waiting(machine, monkeypatch):
    with world(machine, 0) as one:
        vm, vcpu = one.vms[0], one.vcpus[0]
        one.give_turn(1, vcpu)
        one.end(1)  # processor 1 still holds it
        one.move_to(2)
        begin_turn(vcpu)
        generation = narrow(vm.translations)

        def pause():
            if has_forgotten(vm.translations, u32(2), generation):
                with one.on(1):
                    release(vcpu)

        monkeypatch.setattr(hold_module, "pause", pause)
        monkeypatch.setattr(hold_module, "send_kick", lambda cpu: None)
        hold(vcpu)
        assert vcpu.held_by.load() == 2
        end_turn(vcpu)


def take_turns(one):
    """Processor 0 runs VM 1 and takes memory from VM 0, processor 1 the other way round, one step each at a time."""
    batons = [threading.Semaphore(1), threading.Semaphore(0)]
    stuck = []
    here = threading.local()

    def pause():
        here.waits = getattr(here, "waits", 0) + 1
        if here.waits > 10:
            raise StuckError
        batons[1 - here.cpu].release()
        batons[here.cpu].acquire()
        one.move_to(here.cpu)

    def take(cpu):
        here.cpu = cpu
        batons[cpu].acquire()
        one.move_to(cpu)
        try:
            shootdown(one.vms[cpu])
        except StuckError:
            stuck.append(cpu)
        batons[1 - cpu].release()

    one.give_turn(0, one.vcpus[2])
    one.give_turn(1, one.vcpus[0])
    one.wait = pause
    threads = [threading.Thread(target=take, args=(cpu,)) for cpu in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)
    return stuck


@EVERY_MACHINE
def test_two_that_wait_for_each_other_both_go_on(machine):
    with world(machine, 0) as one:
        assert take_turns(one) == []
        for cpu, vm in ((0, one.vms[1]), (1, one.vms[0])):
            assert has_forgotten(vm.translations, u32(cpu), vm.translations.generation.load())


def test_without_a_look_at_their_own_turn_they_would_not(monkeypatch):
    monkeypatch.setattr(shootdown_module, "forget_for_turn", lambda: None)
    with world("vt-x", 0) as one:
        assert take_turns(one) != []


@EVERY_MACHINE
def test_an_older_shootdown_that_ends_later_takes_nothing_back(machine):
    with world(machine, 0) as one:
        tables = one.vms[0].translations
        first, second = narrow(tables), narrow(tables)
        settle(tables, second)
        settle(tables, first)
        assert tables.settled.load() == second


def plant_a_generation(one):
    tables = one.vms[0].translations
    settle(tables, narrow(tables))


def plant_an_old_asid(one):
    start_generation()


def plant_another_processors_asid(one):
    svm_of(one.vcpus[0]).asid_generation += u64(1)


def plant_an_owed_flush(one):
    svm_of(one.vcpus[0]).flush = True


def plant_another_processors_translations(one):
    vmx_of(one.vcpus[0]).host_cpu += u64(64)


@pytest.mark.parametrize(
    ("machine", "plant"),
    [
        ("vt-x", plant_a_generation),
        ("amd-v", plant_a_generation),
        ("vt-x", plant_another_processors_translations),
        ("amd-v", plant_an_old_asid),
        ("amd-v", plant_another_processors_asid),
        ("amd-v", plant_an_owed_flush),
    ],
)
def test_a_debug_image_does_not_enter_with_a_flush_left_out(machine, plant, monkeypatch):
    monkeypatch.setattr(profile, "DEBUG", True)
    with world(machine, 0) as one:
        one.give_turn(0, one.vcpus[0])
        run_slice(one.vcpus[0])
        plant(one)
        with pytest.raises(Trap, match="assertion"):
            run_slice(one.vcpus[0])
        end_turn(one.vcpus[0])
