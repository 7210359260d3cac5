"""VMs are made, started, stopped and destroyed by the monitor's own functions; the frame allocator's books must end as
they began."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from codegen.lang import Hpa, Local, host, phys_span, u32, u64
from hypervisor.config.manifest import ManifestVm
from hypervisor.console.guests import console_add_guest
from hypervisor.cpu.mitigations import MITIGATIONS
from hypervisor.cpu.per_cpu import CPUS, per_cpu_start
from hypervisor.cpu.xstate import XSTATE
from hypervisor.memory.frames import FRAMES, RUN, frames_start, free_bytes
from hypervisor.net.port import MEMORY_FRAMES, NETWORKS, PORTS
from hypervisor.net.port_life import port_listen
from hypervisor.sched import start as scheduler
from hypervisor.time.clock import clock_start
from hypervisor.vcpu.hold import hold, release_held
from hypervisor.vcpu.pool import POOL, vcpu_of
from hypervisor.vm import carry_out as carry_out_module
from hypervisor.vm import control, create, restart
from hypervisor.vm.boot import start as boot_start
from hypervisor.vm.carry_out import carry_out
from hypervisor.vm.destroy import take_apart_departed
from hypervisor.vm.order import OrderKind, order_of
from hypervisor.vm.vm import DEPARTED, VMS, VmState
from tests.played_guest.machine import amd_v

MIB = 1 << 20
FRAME = 4096
VMS_USED = 4
RAM = 96 * MIB
PRED_CMD = 0x49
MARK = b"a guest's secret"


class Books:
    """A machine with RAM, and the entries of its manifest."""

    def __init__(self) -> None:
        self.entries = [Local(ManifestVm) for _ in range(VMS_USED)]
        for number, entry in enumerate(self.entries):
            entry.weight, entry.restart_limit, entry.restart_window = 100, 5, 60_000
            VMS[number].id, VMS[number].manifest_index = number, number
            console_add_guest(u32(number), VMS[number].name_span())

    def entry(self, index: Any) -> Any:
        return self.entries[int(index)]

    def resize(self, number: int, memory: int, vcpus: int) -> None:
        self.entries[number].memory, self.entries[number].vcpus = memory, vcpus


@pytest.fixture
def books(monkeypatch: pytest.MonkeyPatch) -> Iterator[Books]:
    from hypervisor.vcpu.svm.state import SVM

    host.reset()
    clock_start(u64(1_000_000_000), u64(0))
    host.cpu.cpuid_leaves[(0x8000_000A, 0)] = (1, 16, 0, 0b100_1001)
    per_cpu_start(u32(0))
    assert CPUS[0].index == 0
    FRAMES.usable.add(u64(2 * MIB), u64(2 * MIB + RAM))
    assert frames_start()
    XSTATE.area_bytes = 832
    SVM.next_rip, SVM.flush_by_asid, SVM.asids = True, True, 16
    made = Books()
    for module in (create, restart, boot_start):
        monkeypatch.setattr(module, "manifest_vm", made.entry)
    monkeypatch.setattr(carry_out_module, "send_kick", lambda cpu: None)  # there is one processor
    scheduler.scheduler_start()
    with amd_v():
        yield made


def carried_out(vm: Any) -> None:
    """What vCPU 0's thread does in its turns."""
    while order_of(vm).kind != OrderKind.NONE:
        carry_out(vm, order_of(vm))
    if DEPARTED.vms.load() != 0:
        take_apart_departed()


def make(vm: Any) -> bool:
    """Its guest has no kernel: it stops as soon as it has been started, and has left its mark before."""
    if control.start_vm_again(vm) is not None:
        assert vm.state == VmState.ABSENT
        return False
    carried_out(vm)
    assert vm.state == VmState.STOPPED
    for number in range(int(vm.memory.slot_count)):
        slot = vm.memory.slots[number]
        for offset in range(0, int(slot.size), 256 * 1024):
            assert host.memory.read(slot.hpa + u64(offset), len(MARK)) == bytes(len(MARK))
            host.memory.write(slot.hpa + u64(offset), MARK)
    return True


def destroy(vm: Any) -> None:
    generation = int(vm.translations.generation.load())
    assert control.destroy_vm(vm) is None
    carried_out(vm)
    assert vm.state == VmState.ABSENT
    assert vm.translations.settled.load() == generation + 1  # processors have forgotten its RAM


def holds_no_secret() -> bool:
    return all(host.memory.read(Hpa(base), RUN).find(MARK) < 0 for base in range(2 * MIB, 2 * MIB + RAM, RUN))


@pytest.mark.parametrize("cycles", [100, pytest.param(1000, marks=pytest.mark.long)])
def test_vms_of_all_sizes_leave_no_frame_behind(books: Books, cycles: int) -> None:
    choice = random.Random(4)
    books.resize(0, 2 * MIB, 1)
    assert make(VMS[0])
    destroy(VMS[0])  # the split that single frames come from stays one
    before, runs_before, made, refused = int(free_bytes()), int(FRAMES.free_runs), 0, 0
    while made < cycles:
        vm = VMS[choice.randrange(VMS_USED)]
        if vm.state == VmState.STOPPED:
            destroy(vm)
        else:
            size = choice.choice([1, 2, 3, 8, 17, 60]) * MIB + choice.choice([0, FRAME])
            books.resize(int(vm.id), size, choice.choices([1, 2, 4, 40], [20, 4, 2, 1])[0])
            free, taken = int(free_bytes()), int(POOL.taken)
            if make(vm):
                made += 1
            else:
                refused += 1
                assert (int(free_bytes()), int(POOL.taken)) == (free, taken)
    for i in range(VMS_USED):
        if VMS[i].state == VmState.STOPPED:
            destroy(VMS[i])
    assert int(free_bytes()) == before and int(FRAMES.free_runs) == runs_before and POOL.taken == 0
    assert refused > 0
    assert holds_no_secret()


def test_a_vm_made_anew_in_the_same_place_is_another_one_to_the_branch_predictors(books: Books) -> None:
    books.resize(0, 2 * MIB, 1)
    MITIGATIONS.switch_barrier = True
    host.cpu.msrs[PRED_CMD] = 0
    barrier = ("wrmsr", PRED_CMD, 1)
    for expected in (0, 1, 2):
        assert make(VMS[0])
        hold(vcpu_of(VMS[0], u32(0)))
        release_held()
        hold(vcpu_of(VMS[0], u32(0)))
        assert host.cpu.log.count(barrier) == expected
        destroy(VMS[0])


def test_ports_of_networks_come_and_go_with_their_vm(books: Books) -> None:
    for number in (0, 1):
        books.resize(number, 2 * MIB, 1)
        entry = books.entries[number]
        entry.net_count = number + 1
        for net in entry.nets[0], entry.nets[1]:
            net.mac[5], net.mtu, net.network = number + 1, 1500, 2
    assert make(VMS[0])
    destroy(VMS[0])  # as above
    before = int(free_bytes())
    for _ in range(3):
        assert make(VMS[1]) and make(VMS[0])
        assert int(NETWORKS[2].members.load()) == 0b011001
        assert [int(PORTS[n].owner) for n in (0, 3, 4)] == [0, 1, 1] and PORTS[4].is_open
        taken = before - int(free_bytes())
        assert taken > 4 * MIB + 3 * MEMORY_FRAMES * FRAME
        port = PORTS[3]
        staging = Hpa(int(port.staging) - int(phys_span(Hpa(0), u64(1)).address()))
        host.memory.write(staging, MARK)
        port_listen(port)
        destroy(VMS[1])
        assert int(NETWORKS[2].members.load()) == 1 and not port.is_open and port.listening.load() == 0
        assert host.memory.read(staging, len(MARK)) == bytes(len(MARK))
        destroy(VMS[0])
        assert int(free_bytes()) == before and int(NETWORKS[2].members.load()) == 0


def test_a_vm_whose_ports_find_no_memory_leaves_nothing(books: Books) -> None:
    books.resize(0, 2 * MIB, 1)
    assert make(VMS[0])
    destroy(VMS[0])
    books.resize(1, 2 * MIB, 1)
    books.entries[1].net_count = 3
    assert make(VMS[1])  # its ports use up most of the split that single frames come from
    before, members = int(free_bytes()), int(NETWORKS[0].members.load())
    books.resize(0, int(FRAMES.free_runs) * RUN, 1)
    books.entries[0].net_count = 3
    assert not make(VMS[0])
    assert int(free_bytes()) == before and int(NETWORKS[0].members.load()) == members == 0b111000
    books.resize(0, 2 * MIB, 1)
    books.entries[0].net_count = 1
    books.entries[0].nets[0].network = 99
    assert not make(VMS[0]) and int(free_bytes()) == before
