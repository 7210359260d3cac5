"""A vCPU that receives, as its processor runs it: the real `prepare_entry`, `halt` and `answer_messages`; the guest,
the scheduler and `notify` are stand-ins."""

from __future__ import annotations

from codegen.lang import Atomic, Struct, storage, u32, u64
from hypervisor.cpu.spin_lock import LockPlace, lock_start
from hypervisor.devices.board import board_reset, board_set_line
from hypervisor.devices.lapic.mmio import lapic_mmio_write
from hypervisor.devices.lapic.reset import lapic_reset
from hypervisor.devices.lapic.state import LapicEffect
from hypervisor.exits.hlt import answer_messages, halt
from hypervisor.exits.interrupts import interrupt_window
from hypervisor.exits.registry import Resume
from hypervisor.vcpu.contract import vcpu_request_interrupt_window
from hypervisor.vcpu.event import Event, EventType
from hypervisor.vcpu.pool import VCPUS
from hypervisor.vcpu.run import prepare_entry
from hypervisor.vcpu.svm.state import control_of, save_of
from hypervisor.vcpu.vcpu import Vcpu, VcpuState
from hypervisor.vm.lapic_effects import apply_effect
from tests.played_guest.machine import VM, new_machine

INTERRUPTS_ON = 0x202
SPURIOUS, EOI = 0xF0, 0xB0
LEVEL_LINE = 9


class Sleep(Struct):
    """What the scheduler knows."""

    asleep: Atomic[u32]
    woken: Atomic[u32]


SLEEP = storage(Sleep)
VCPU = VCPUS[0]


def notify(vcpu: Vcpu, work: u32) -> None:
    """The rule: bits that are set have been told of; who sleeps is woken."""
    if vcpu.work.fetch_or(work) & work == work:
        return
    if SLEEP.asleep.load() != 0:
        SLEEP.woken.store(1)


class Receiver:
    """`events`: what the guest was given, in order: vectors, "nmi". `levels`: whose EOI went to the I/O APIC."""

    def __init__(self) -> None:
        new_machine(0x20_0000)
        self.events: list[int | str] = []
        self.levels: list[int] = []

    def reset(self) -> None:
        """Software-enabled, interrupts on, the vCPU runs."""
        lock_start(VM.board_lock, LockPlace.BOARD)
        VM.vcpu_first, VM.vcpu_count = 0, 1
        board_reset(VM.board, u64(0))
        lapic_reset(VCPU.lapic, u32(0), True)
        assert lapic_mmio_write(VCPU.lapic, u32(SPURIOUS), u32(4), u32(0x1FF), u64(0)) == LapicEffect.REACHABLE
        VCPU.state, VCPU.pending = VcpuState.RUNNABLE, Event()
        VCPU.work.store(0)
        SLEEP.asleep.store(0)
        SLEEP.woken.store(0)
        save_of(VCPU).rflags = INTERRUPTS_ON
        vcpu_request_interrupt_window(VCPU, False)
        self.events, self.levels = [], []

    def write(self, offset: int, value: int) -> None:
        """The guest writes a register of its local APIC."""
        apply_effect(VCPU, lapic_mmio_write(VCPU.lapic, u32(offset), u32(4), u32(value), u64(0)))

    def enter(self) -> None:
        """One entry, if the monitor allows it: the guest takes what is injected, and says EOI."""
        if self.wants_window():
            assert interrupt_window(VCPU) == Resume.SAME_INSTRUCTION
        if VCPU.work.load() != 0 and not prepare_entry(VCPU):
            return
        event = VCPU.pending
        VCPU.pending = Event()
        if not event.valid:
            return
        if event.type == EventType.NMI:
            self.events.append("nmi")
            return
        self.events.append(int(event.vector))
        effect = lapic_mmio_write(VCPU.lapic, u32(EOI), u32(4), u32(0), u64(0))
        if effect == LapicEffect.END_OF_INTERRUPT:
            self.levels.append(int(VCPU.lapic.eoi_vector))
            with VM.board_lock:
                board_set_line(VM.board, u32(LEVEL_LINE), False)  # its device was served
        apply_effect(VCPU, effect)

    def wants_window(self) -> bool:
        """The guest is to be left as soon as it can take an interrupt, which is now."""
        return bool(control_of(VCPU).virtual_interrupt.irq)

    def halt(self) -> None:
        """HLT."""
        VCPU.exit.instruction_length = 1
        if halt(VCPU) == Resume.YIELD:
            self.rest()

    def rest(self) -> None:
        """The processor lets it sleep as docs/smp.md has it: say so, then look once more."""
        while VCPU.state != VcpuState.RUNNABLE:
            SLEEP.asleep.store(1)
            if VCPU.work.load() == 0:
                return
            SLEEP.asleep.store(0)
            answer_messages(VCPU)

    def turn(self) -> None:
        """An entry, if the vCPU runs, and sleep if it does so no longer."""
        if VCPU.state == VcpuState.RUNNABLE:
            self.enter()
            self.rest()

    def settle(self) -> None:
        """What happens if nothing more comes: a vCPU that was woken answers, one that runs goes on."""
        if SLEEP.woken.load() != 0:
            SLEEP.asleep.store(0)
            answer_messages(VCPU)
            self.rest()
        while VCPU.state == VcpuState.RUNNABLE and (VCPU.work.load() != 0 or self.wants_window()):
            self.enter()
