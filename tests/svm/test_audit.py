"""One planted fault per rule of the manual: the auditor names that rule, and no other."""

from __future__ import annotations

import pytest

from codegen.lang import Hpa
from hypervisor.vcpu.svm import audit
from hypervisor.vcpu.svm.state import svm_of
from hypervisor.vcpu.svm.tlb import before_entry
from tests.played_guest.machine import new_machine, set_mode

FAULTS = {
    "svme_clear": ("save.efer", 0x500),
    "not_write_through": ("save.cr0", 0xA000_0011),
    "cr0_upper": ("save.cr0", 0x1_8000_0011),
    "cr3_reserved": ("save.cr3", 1 << 52),
    "cr4_reserved": ("save.cr4", 0x1_0000_0020),
    "dr6_upper": ("save.dr6", 1 << 32),
    "dr7_upper": ("save.dr7", 1 << 32),
    "efer_reserved": ("save.efer", 0x1_0000_1500),
    "long_without_pae": ("save.cr4", 0),
    "long_without_protection": ("save.cr0", 0x8000_0010),
    "long_and_default": ("save.cs.attributes", 0xE9B),
    "vmrun_not_intercepted": ("control.intercept_svm", 0),
    "maps_outside": ("control.msrpm", Hpa(1 << 52)),
    "asid_zero": ("control.asid", 0),
    "event_illegal": ("control.event_injection", 0x8000_0130),
}


def broken(vcpu):
    vmcb = svm_of(vcpu).vmcb
    return {rule.__name__ for rule, _ in audit.RULES if rule(vmcb)}


def ready_vcpu():
    vcpu = new_machine()
    before_entry(vcpu)
    return vcpu


@pytest.fixture
def vcpu():
    vcpu = ready_vcpu()
    set_mode(vcpu, 64)
    return vcpu


def test_every_rule_has_its_fault():
    assert {rule.__name__ for rule, _ in audit.RULES} == set(FAULTS)


@pytest.mark.parametrize("mode", [16, 32, 64])
def test_a_sound_guest_breaks_no_rule(vcpu, mode):
    set_mode(vcpu, mode)
    assert broken(vcpu) == set()


def test_the_reset_state_is_sound():
    assert broken(ready_vcpu()) == set()


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_named(vcpu, name):
    path, value = FAULTS[name]
    *parents, last = path.split(".")
    target = svm_of(vcpu).vmcb
    for parent in parents:
        target = getattr(target, parent)
    setattr(target, last, value)
    assert broken(vcpu) == {name}


@pytest.mark.parametrize(
    ("word", "illegal"),
    [
        (0x30, False),
        (0x8000_0030, False),
        (0x8000_0202, False),
        (0x8000_0B0E, False),
        (0x8000_0302, True),
        (0x8000_0320, True),
        (0x8000_0530, True),
    ],
)
def test_event_injection_is_checked(vcpu, word, illegal):
    svm_of(vcpu).vmcb.control.event_injection = word
    assert bool(broken(vcpu)) == illegal
