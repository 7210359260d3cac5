from __future__ import annotations

import functools

import pytest

from codegen.back.jit import compile_native
from codegen.front.lower import lower_program
from codegen.front.program import host_target
from hypervisor.vcpu.running_on import begin_turn, end_turn, forget_stale
from hypervisor.vcpu.vcpu import NOBODY
from hypervisor.vm.shootdown import shootdown
from tests.played_guest.machine import svm_modules
from tests.tlb.world import world


@functools.cache
def native():
    functions = [begin_turn, end_turn, forget_stale, shootdown]
    program, diagnostics = lower_program(functions, svm_modules(), host_target())
    assert not diagnostics, "\n".join(diagnostic.render() for diagnostic in diagnostics)
    return compile_native(program, 2)


def in_cpython(function, *arguments):
    return function(*arguments)


def natively(function, *arguments):
    return native().call(function, *arguments)


@pytest.mark.parametrize("run", [in_cpython, natively])
def test_turns_and_shootdowns_are_the_same_compiled(run):
    native()  # before a world replaces `pause`
    with world("amd-v", 0) as one:
        vm, vcpu = one.vms[0], one.vcpus[0]
        tables, here = vm.translations, vm.translations.processors[1]
        one.move_to(1)
        run(begin_turn, vcpu)
        assert (vcpu.running_on.load(), here.generation.load()) == (1, 1)
        run(shootdown, vm)
        assert (tables.generation.load(), tables.settled.load(), here.generation.load()) == (2, 2, 2)
        run(end_turn, vcpu)
        assert vcpu.running_on.load() == NOBODY
        run(shootdown, vm)
        assert (tables.settled.load(), here.generation.load()) == (3, 2)
        run(forget_stale, vm)
        assert here.generation.load() == 3
