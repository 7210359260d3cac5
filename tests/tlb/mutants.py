"""Mistakes in flushing, each one a piece of text that is left out of, or replaced in, one function of the monitor."""

from __future__ import annotations

import ast
import importlib
import inspect
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

VTX, AMD, AMD_NO_FLUSH = "vt-x", "amd-v", "amd-v without flush by ASID"
MONITOR = Path(__file__).resolve().parents[2] / "hypervisor"

# Calls that drop translations, or see to it that somebody does.
FLUSHES = {
    "before_entry",
    "forget_for_turn",
    "forget_stale",
    "give_up_asid",
    "invept",
    "invvpid",
    "narrow",
    "second_level_invalidate",
    "shootdown",
    "start_generation",
    "take_asid",
    "tell_running",
    "translations_start",
    "vcpu_flush_tlb",
    "wait_for_running",
}


@dataclass(frozen=True)
class Mutant:
    """`text` of `function` becomes `instead`: every machine of `on` must notice."""

    module: str
    function: str
    text: str
    instead: str = "pass"
    on: tuple[str, ...] = (VTX, AMD)

    @property
    def name(self) -> str:
        return f"{self.module}.{self.function}: {self.text}"

    @contextmanager
    def made(self) -> Iterator[None]:
        """The monitor has the mistake until the block ends."""
        module = importlib.import_module(f"hypervisor.{self.module}")
        one: Any = vars(module)[self.function]
        source = textwrap.dedent(inspect.getsource(one.function))
        assert source.count(self.text) == 1, self.name
        tree = ast.parse(source.replace(self.text, self.instead))
        body = tree.body[0]
        assert isinstance(body, ast.FunctionDef)
        body.decorator_list = []
        body.returns = None
        for argument in body.args.args:
            argument.annotation = None
        scope: dict[str, Any] = {}
        exec(compile(tree, module.__file__ or "", "exec", dont_inherit=True), dict(vars(module)), scope)
        right = one.function.__code__
        one.function.__code__ = scope[self.function].__code__
        try:
            yield
        finally:
            one.function.__code__ = right


FLUSH = "vcpu_flush_tlb(vcpu)"
MUTANTS = (
    Mutant("vcpu.running_on", "begin_turn", "forget_stale(vcpu.vm)"),
    Mutant("vcpu.running_on", "begin_turn", "assert vcpu.running_on.exchange(CPU.current.index) == NOBODY"),
    Mutant("vcpu.running_on", "begin_turn", "CPU.current.current_vcpu = address_of(vcpu)"),
    Mutant("vcpu.running_on", "forget_stale", "second_level_invalidate(vm.second_level_root)"),
    Mutant("vcpu.running_on", "forget_for_turn", "forget_stale(view_at(Vcpu, current).vm)"),
    Mutant("vcpu.run", "prepare_entry", "forget_stale(vcpu.vm)"),
    Mutant("vm.shootdown", "shootdown", "narrow(vm.translations)", "vm.translations.generation.load()"),
    Mutant("vm.shootdown", "shootdown", "tell_running(vm)"),
    Mutant("vm.shootdown", "shootdown", "wait_for_running(vm, generation)"),
    Mutant("vm.shootdown", "shootdown", "forget_for_turn()"),
    Mutant("vm.shootdown", "tell_running", "notify(vcpu, FLUSH_WORK)"),
    Mutant("vm.create", "create_tables", "translations_start(vm.translations)", on=(VTX,)),
    Mutant("memory.translations", "translations_start", "narrow(tables)", "tables.generation.load()", on=(VTX,)),
    Mutant("vm.lifecycle", "reset_vcpu", FLUSH),
    Mutant("vm.startup", "serve_startup", FLUSH),
    Mutant("exits.control", "write_cr0", FLUSH),
    Mutant("exits.control", "write_cr3", FLUSH),
    Mutant("exits.control", "write_cr4", FLUSH),
    Mutant("exits.control", "invalidate_page", FLUSH),
    Mutant(
        "vcpu.vmx.tlb",
        "vcpu_flush_tlb",
        "assert invvpid(InvvpidKind.SINGLE_CONTEXT, u64(vmx_of(vcpu).vpid))",
        on=(VTX,),
    ),
    Mutant("vcpu.vmx.loaded", "switch_to", "assert invvpid(InvvpidKind.SINGLE_CONTEXT, u64(state.vpid))", on=(VTX,)),
    Mutant(
        "vcpu.vmx.ept",
        "second_level_invalidate",
        "assert invept(InveptKind.SINGLE_CONTEXT, ept_pointer(root))",
        on=(VTX,),
    ),
    Mutant("vcpu.svm.entry", "enter_rarely", "before_entry(vcpu)", on=(AMD,)),
    Mutant("vcpu.svm.tlb", "before_entry", "take_asid(state)", on=(AMD,)),
    Mutant("vcpu.svm.tlb", "before_entry", "control.tlb_control = FLUSH_ALL", on=(AMD,)),
    Mutant("vcpu.svm.tlb", "before_entry", "control.tlb_control = FLUSH_THIS_GUEST", on=(AMD,)),
    Mutant("vcpu.svm.tlb", "vcpu_flush_tlb", "svm_of(vcpu).flush = True", on=(AMD,)),
    Mutant("vcpu.svm.tlb", "vcpu_flush_tlb", "give_up_asid(svm_of(vcpu))", on=(AMD_NO_FLUSH,)),
    Mutant("vcpu.svm.tlb", "vcpu_flush_tlb", "CPU.current.plain_vcpu = Hva(0)", on=(AMD,)),
    Mutant("vcpu.svm.tlb", "second_level_invalidate", "start_generation()", on=(AMD,)),
    Mutant("vcpu.svm.tlb", "second_level_invalidate", "CPU.current.plain_vcpu = Hva(0)", on=(AMD,)),
    Mutant("vcpu.svm.loaded", "vcpu_unload", "CPU.current.plain_vcpu = Hva(0)", on=(AMD,)),
    Mutant("vcpu.svm.asid", "give_up_asid", "state.asid_generation = NO_GENERATION", on=(AMD_NO_FLUSH,)),
    Mutant("vcpu.svm.asid", "holds_asid", "state.asid_generation == CPU.current.asid_generation", "True", on=(AMD,)),
    Mutant("vcpu.svm.asid", "take_asid", "start_generation()", on=(AMD,)),
    Mutant("vcpu.svm.asid", "take_asid", "own.asids_left -= 1", on=(AMD,)),
    Mutant("vcpu.svm.asid", "take_asid", "state.vmcb.control.asid = SVM.asids - own.asids_left", on=(AMD,)),
    Mutant("vcpu.svm.asid", "start_generation", "+ CPUS_MAX", "", on=(AMD,)),
    Mutant("vcpu.svm.asid", "start_generation", "+ u64(own.index)", "", on=(AMD,)),
    Mutant("vcpu.svm.asid", "start_generation", "own.asid_flush = True", on=(AMD,)),
)

# Flushes that this world has no use for, and the tests that hold them.
ELSEWHERE = {
    ("memory.second_level", "second_level_allow_fetch", "second_level_invalidate"),  # tests/memory
    ("vcpu.svm.create", "vcpu_create", "give_up_asid"),  # tests/svm/test_asid.py
    ("vcpu.hold", "fetch", "forget_for_turn"),  # test_shootdown.py
    ("vm.carry_out", "begin_release", "shootdown"),  # tests/lifecycle
    ("vm.shootdown", "wait_for_running", "forget_for_turn"),  # test_shootdown.py
}


def flushes_of_the_monitor() -> set[tuple[str, str, str]]:
    """Module, function and name of every call in FLUSHES, by the sources."""
    found = set()
    for file in sorted(MONITOR.rglob("*.py")):
        module = ".".join(file.relative_to(MONITOR).with_suffix("").parts)
        for function in ast.walk(ast.parse(file.read_text())):
            if isinstance(function, ast.FunctionDef):
                for call in ast.walk(function):
                    if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in FLUSHES:
                        found.add((module, function.name, call.func.id))
    return found


def flushes_left_out() -> set[tuple[str, str, str]]:
    """The same of MUTANTS."""
    found = set()
    for mutant in MUTANTS:
        for name in FLUSHES:
            if f"{name}(" in mutant.text:
                found.add((mutant.module, mutant.function, name))
    return found
