"""The run loop of a vCPU while events are traced: that of hypervisor/vcpu/run.py, and it writes entries and exits.

A loop of its own, so that an exit which nobody traces pays nothing, not even a test.
"""

from __future__ import annotations

from codegen.lang import fn, static, u32
from hypervisor import profile
from hypervisor.cpu.per_cpu import CPU
from hypervisor.exits.registry import Resume
from hypervisor.exits.table import answer_exit
from hypervisor.memory.translations import may_enter
from hypervisor.trace.events import EventKind
from hypervisor.trace.record import trace, tracing
from hypervisor.vcpu.contract import vcpu_run, vcpu_skip_instruction
from hypervisor.vcpu.run import prepare_entry
from hypervisor.vcpu.vcpu import Vcpu


@fn(noinline=True)
def run_traced(vcpu: Vcpu) -> None:
    """As `run_slice`, and at most until the trace is switched off."""
    number = vcpu.vm.vcpu_first + vcpu.index
    while tracing():
        if vcpu.work.load() != 0 and not prepare_entry(vcpu):
            return
        if static(profile.DEBUG):
            assert may_enter(vcpu.vm.translations, CPU.current.index)
        if vcpu.pending.valid:
            trace(EventKind.INJECT, number, u32(vcpu.pending))
        trace(EventKind.ENTRY, number, u32(0))
        kind = vcpu_run(vcpu)
        trace(EventKind.EXIT, number, u32(kind))
        resume = answer_exit(vcpu, kind)
        if resume == Resume.NEXT_INSTRUCTION:
            vcpu_skip_instruction(vcpu)
        elif resume == Resume.YIELD:
            return
