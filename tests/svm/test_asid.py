from __future__ import annotations

import pytest

from codegen.lang import Hpa, Hva, address_of, bind, host
from hypervisor.cpu.per_cpu import CPU
from hypervisor.vcpu.pool import VCPUS
from hypervisor.vcpu.svm.create import vcpu_create
from hypervisor.vcpu.svm.entry import svm_enter, vcpu_run
from hypervisor.vcpu.svm.exit_code import INVALID
from hypervisor.vcpu.svm.model import PROCESSOR
from hypervisor.vcpu.svm.state import SVM, control_of, svm_of
from hypervisor.vcpu.svm.tlb import FLUSH_ALL, FLUSH_NOTHING, FLUSH_THIS_GUEST, second_level_invalidate, vcpu_flush_tlb
from tests.played_guest.machine import VM, new_machine

ENTRIES: list[tuple[int, int]] = []


def entered(vcpu):
    ENTRIES.append((int(control_of(vcpu).asid), int(control_of(vcpu).tlb_control)))
    control_of(vcpu).exit_code = 0x61  # NMI


@pytest.fixture
def vcpu():
    PROCESSOR.reset()
    ENTRIES.clear()
    vcpu = new_machine()
    bind(svm_enter, entered)
    yield vcpu
    bind(svm_enter, None)


def more_vcpus(count):
    for i in range(1, count):
        VCPUS[i].vm = VM
        vcpu_create(VCPUS[i], host.memory.allocate(4 * 4096), Hpa(0x8000))
    return [VCPUS[i] for i in range(count)]


def test_fifteen_vcpus_take_turns_without_a_flush(vcpu):
    vcpus = more_vcpus(15)
    for _ in range(3):
        for one in vcpus:
            vcpu_run(one)
    assert ENTRIES == [(1, FLUSH_ALL), *((n, FLUSH_NOTHING) for n in range(2, 16))] + 2 * [
        (n, FLUSH_NOTHING) for n in range(1, 16)
    ]


def test_sixty_four_vcpus_flush_once_for_each_round_of_numbers(vcpu):
    vcpus = more_vcpus(64)
    for one in vcpus * 2:
        vcpu_run(one)
    assert ENTRIES == [(n % 15 + 1, FLUSH_NOTHING if n % 15 else FLUSH_ALL) for n in range(128)]


@pytest.mark.parametrize(("by_asid", "second"), [(True, (1, FLUSH_THIS_GUEST)), (False, (2, FLUSH_NOTHING))])
def test_a_flush_reaches_the_very_next_entry_and_no_other(vcpu, by_asid, second):
    SVM.flush_by_asid = by_asid
    vcpu_run(vcpu)
    vcpu_run(vcpu)
    vcpu_flush_tlb(vcpu)
    vcpu_run(vcpu)
    vcpu_run(vcpu)
    assert ENTRIES == [(1, FLUSH_ALL), (1, FLUSH_NOTHING), second, (second[0], FLUSH_NOTHING)]


def test_changed_tables_end_all_numbers_of_this_processor(vcpu):
    vcpus = more_vcpus(2)
    for one in vcpus:
        vcpu_run(one)
    second_level_invalidate(Hpa(0x7000))
    for one in vcpus * 2:
        vcpu_run(one)
    again = [(1, FLUSH_NOTHING), (2, FLUSH_NOTHING)]
    assert ENTRIES == [(1, FLUSH_ALL), (2, FLUSH_NOTHING), (1, FLUSH_ALL), (2, FLUSH_NOTHING), *again]


def test_a_refused_entry_flushes_nothing(vcpu):
    bind(svm_enter, lambda one: setattr(control_of(one), "exit_code", INVALID))
    vcpu_run(vcpu)
    assert CPU.current.asid_flush and control_of(vcpu).tlb_control == FLUSH_NOTHING
    bind(svm_enter, entered)
    CPU.current.plain_vcpu = Hva(0)
    vcpu_run(more_vcpus(2)[1])
    assert ENTRIES == [(2, FLUSH_ALL)]


def test_who_was_plain_is_looked_at_again_behind_another_that_waits_for_a_window(vcpu):
    other = more_vcpus(2)[1]
    vcpu_run(vcpu)
    assert CPU.current.plain_vcpu == address_of(vcpu)
    svm_of(other).nmi_window = True
    svm_of(other).nmi_blocked = True
    vcpu_run(other)
    assert CPU.current.plain_vcpu == Hva(0)
    vcpu_run(vcpu)
    assert CPU.current.loaded_vcpu == address_of(vcpu)
