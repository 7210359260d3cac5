"""Two processors and one VM: the real `run_turn`, `notify` and scheduler under the explorer; the guest is a script."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from codegen.lang import address_of, host, u32, u64
from hypervisor.cpu.per_cpu import CPU, CPUS, MSR_GS_BASE, per_cpu_start
from hypervisor.cpu.spin_lock import LockPlace, lock_start
from hypervisor.devices.board import board_reset
from hypervisor.devices.clock import NEVER
from hypervisor.devices.lapic.mmio import lapic_mmio_write
from hypervisor.devices.lapic.reset import lapic_reset
from hypervisor.devices.lapic.state import LapicEffect
from hypervisor.exits.hlt import halt
from hypervisor.exits.registry import Resume
from hypervisor.sched import notify as notify_module
from hypervisor.sched import turn as turn_module
from hypervisor.sched.deadlines import deadlines_start
from hypervisor.sched.entity import EntityState, entity_start, share_start
from hypervisor.sched.queues import queues_start
from hypervisor.sched.scheduler import wake
from hypervisor.sched.service import DEADLINES, SERVICES
from hypervisor.sched.turn import run_turn
from hypervisor.sched.vcpus import ENTITIES, SHARES, decide_vcpu
from hypervisor.vcpu.pool import VCPUS
from hypervisor.vcpu.run import prepare_entry
from hypervisor.vcpu.svm.state import save_of
from hypervisor.vcpu.vcpu import INTERRUPT_WORK, NOBODY, Vcpu, VcpuState
from hypervisor.vm.start_order import STARTS
from hypervisor.vm.vm import VmState
from tests.played_guest.machine import VM, new_machine
from tests.posted.interleavings import Thread

INTERRUPTS_ON = 0x202
SPURIOUS = 0xF0
PROCESSOR_COUNT = 2


class GsBase(dict[int, int]):
    """MSRs of which the GS base is that of the processor that a thread plays."""

    def __getitem__(self, msr: int) -> int:
        thread = threading.current_thread()
        if msr == MSR_GS_BASE and isinstance(thread, Thread):
            return int(address_of(CPUS[thread.number]))
        return super().__getitem__(msr)


class World:
    """`taken`: the vectors that the guest got. Thread n of the explorer is processor n."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        new_machine(0x20_0000)
        self.taken: list[int] = []
        self.guest: Callable[[Vcpu], None] = self.run_and_halt
        patch.setattr(host.cpu, "msrs", GsBase(host.cpu.msrs))
        patch.setattr(turn_module, "run_until", lambda vcpu, deadline: self.guest(vcpu))
        patch.setattr(turn_module, "hold", lambda vcpu: None)
        patch.setattr(notify_module, "send_kick", self.kick)
        patch.setattr(notify_module, "send_kicks", lambda mask: None)

    def reset(self, vcpus: int) -> None:
        """vCPU 0 runs on processor 0, its turn is about to begin; all others sleep."""
        for cpu in range(PROCESSOR_COUNT):
            per_cpu_start(u32(cpu))
            deadlines_start(DEADLINES[cpu])
            CPUS[cpu].reschedule.store(0)
            CPUS[cpu].current_vcpu = type(CPUS[cpu].current_vcpu)(0)
        host.cpu.msrs[MSR_GS_BASE] = int(address_of(CPUS[0]))
        host.cpu.tsc = 0
        queues_start(u32(PROCESSOR_COUNT))
        STARTS.due = 1 << 62
        for cpu in range(PROCESSOR_COUNT):
            SERVICES[cpu].next_second = SERVICES[cpu].next_terminal = 1 << 62
        lock_start(VM.board_lock, LockPlace.BOARD)
        VM.vcpu_first, VM.vcpu_count, VM.state = 0, vcpus, VmState.RUNNING
        VM.order.store(0)
        VM.hopeless.store(((1 << vcpus) - 1) & ~1)
        board_reset(VM.board, u64(0))
        share_start(SHARES[0], u32(100), u32(0))
        self.taken = []
        for number in range(vcpus):
            self.reset_vcpu(number)
        wake(ENTITIES[0], u64(0))
        assert decide_vcpu(u32(0)) is not None

    def reset_vcpu(self, number: int) -> None:
        vcpu = VCPUS[number]
        vcpu.vm, vcpu.index = VM, number
        vcpu.state = VcpuState.RUNNABLE if number == 0 else VcpuState.WAIT_FOR_STARTUP
        vcpu.work.store(0)
        vcpu.running_on.store(NOBODY)
        vcpu.held_by.store(NOBODY)
        vcpu.asleep.store(1)
        vcpu.parked.store(0)
        lapic_reset(vcpu.lapic, u32(number), number == 0)
        assert lapic_mmio_write(vcpu.lapic, u32(SPURIOUS), u32(4), u32(0x1FF), u64(0)) == LapicEffect.REACHABLE
        vcpu.lapic.timer_deadline = NEVER
        save_of(vcpu).rflags = INTERRUPTS_ON
        entity_start(ENTITIES[number], SHARES[0], u32(number), u64(3))

    def kick(self, cpu: int) -> None:
        CPUS[cpu].reschedule.store(1)

    def run_and_halt(self, vcpu: Vcpu) -> None:
        """The guest takes one interrupt if there is one, and halts."""
        vcpu.work.fetch_or(INTERRUPT_WORK)  # as `run_until` does
        if not prepare_entry(vcpu):
            return
        if vcpu.pending.valid:
            self.taken.append(int(vcpu.pending.vector))
            vcpu.pending = type(vcpu.pending)()
            return
        vcpu.exit.instruction_length = 1
        assert halt(vcpu) in (Resume.YIELD, Resume.NEXT_INSTRUCTION)

    def turn(self, number: int) -> None:
        """On the calling processor, which the scheduler has given to it."""
        run_turn(VCPUS[number], CPU.current.index)

    def is_blocked(self, number: int) -> bool:
        return bool(ENTITIES[number].state == EntityState.BLOCKED)

    def finish(self, number: int) -> None:
        """The processor goes on with it for as long as it has something to do."""
        for _ in range(8):
            if self.is_blocked(number):
                return
            assert decide_vcpu(u32(0)) is VCPUS[number]
            CPUS[0].reschedule.store(0)
            run_turn(VCPUS[number], u32(0))
        raise AssertionError("it never comes to rest")
