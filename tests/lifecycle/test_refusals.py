from __future__ import annotations

from codegen.lang import host
from hypervisor.vm.act_refusal import ActRefusal
from hypervisor.vm.control import start_vm_again
from hypervisor.vm.vm import VMS, VmState


def test_a_vm_that_the_manifest_does_not_name_cannot_be_made() -> None:
    host.reset()
    vm = VMS[0]
    assert vm.state == VmState.ABSENT
    assert start_vm_again(vm) == ActRefusal.CANNOT_BE_MADE
    assert vm.state == VmState.ABSENT and vm.vcpu_count == 0
