from __future__ import annotations

import functools
import importlib

import pytest

from codegen.back.jit import NativeModule, compile_native
from codegen.front.lower import lower_program, module_functions
from codegen.front.program import host_target
from codegen.lang import Gpa, host, storage, u16, u32, u64
from hypervisor.cpu.spin_lock import LockPlace, lock_start
from hypervisor.devices.board import board_advance, board_reset, board_set_line
from hypervisor.devices.lapic.mmio import lapic_mmio_read, lapic_mmio_write
from hypervisor.devices.lapic.posted import INIT_ASKED, STARTUP_ASKED
from hypervisor.devices.lapic.priority import NO_VECTOR
from hypervisor.devices.lapic.reset import lapic_enter_virtual_wire, lapic_reset
from hypervisor.devices.mmio import mmio_write
from hypervisor.devices.ports import port_write
from hypervisor.time.clock import clock_start
from hypervisor.vcpu.pool import VCPUS
from hypervisor.vcpu.vcpu import Vcpu, VcpuWork
from hypervisor.vm.board_interrupts import service_board
from hypervisor.vm.interrupts import interrupt_pending, receive_messages, take_interrupt
from hypervisor.vm.lapic_effects import apply_effect
from hypervisor.vm.vm import Vm
from tests.devices.execution import MODULES, Run, in_cpython

VM = storage(Vm)
FIRST = 5
LEVEL, MASKED, LOGICAL, LOWEST = 1 << 15, 1 << 16, 1 << 11, 1 << 8


@functools.cache
def native_module() -> NativeModule:
    names = [f"hypervisor.devices.{name}" for name in MODULES]
    names += [
        "hypervisor.time.clock",
        "hypervisor.vm.interrupts",
        "hypervisor.vm.lapic_effects",
        "tests.devices.handed",
    ]
    modules = [importlib.import_module(name) for name in names]
    program, diagnostics = lower_program(module_functions(modules), modules, host_target())
    assert not diagnostics, "\n".join(str(diagnostic) for diagnostic in diagnostics)
    return compile_native(program, 2)


def natively(function: object, *arguments: object) -> object:
    return native_module().call(function, *arguments)


everywhere = pytest.mark.parametrize("run", [in_cpython, natively])


def vcpu(index: int) -> Vcpu:
    return VCPUS[FIRST + index]


def power_on(run: Run, count: int = 2) -> None:
    host.reset()
    run(clock_start, u64(10**9), u64(0))
    lock_start(VM.board_lock, LockPlace.BOARD)
    VM.vcpu_first = FIRST
    VM.vcpu_count = count
    run(board_reset, VM.board, u64(0))
    for index in range(count):
        each = vcpu(index)
        each.vm = VM
        each.index = index
        each.work.store(0)
        run(lapic_reset, each.lapic, u32(index), index == 0)
        lapic_write(run, index, 0xF0, 0x1FF)
        lapic_write(run, index, 0xD0, 1 << 24 + index % 8)
        each.work.store(0)


def lapic_write(run: Run, index: int, offset: int, value: int) -> None:
    effect = run(lapic_mmio_write, vcpu(index).lapic, u32(offset), u32(4), u32(value), u64(0))
    run(apply_effect, vcpu(index), effect)


def route(run: Run, pin: int, low: int, destination: int = 0) -> None:
    for register, value in ((0x11 + 2 * pin, destination << 24), (0x10 + 2 * pin, low)):
        for offset, word in ((0, register), (0x10, value)):
            run(mmio_write, VM.board, Gpa(0xFEC0_0000 + offset), u32(4), u64(word))
    run(service_board, VM)


def line(run: Run, irq: int, up: bool) -> None:
    run(board_set_line, VM.board, u32(irq), up)
    run(service_board, VM)


def out(run: Run, *writes: tuple[int, int]) -> None:
    for port, value in writes:
        run(port_write, VM.board, u16(port), u32(1), u32(value), u64(0))
    run(service_board, VM)


def start_pic(run: Run) -> None:
    out(run, (0x20, 0x11), (0x21, 0x20), (0x21, 4), (0x21, 1), (0xA0, 0x11), (0xA1, 0x28), (0xA1, 2), (0xA1, 1))


def work(index: int) -> VcpuWork:
    return VcpuWork.of(vcpu(index).work.load())


def taken(run: Run, index: int = 0) -> int | None:
    run(receive_messages, vcpu(index))
    if not run(interrupt_pending, vcpu(index)):
        return None
    vector = int(run(take_interrupt, vcpu(index)))
    return vector if vector != NO_VECTOR else None


@everywhere
def test_an_edge_reaches_the_addressed_vcpu_only(run: Run) -> None:
    power_on(run)
    route(run, 4, 0x34, destination=1)
    line(run, 4, True)
    assert (taken(run, 0), taken(run, 1)) == (None, 0x34)
    assert work(1).interrupt and not work(0).interrupt


@everywhere
def test_a_level_comes_again_after_its_eoi_for_as_long_as_it_is_up(run: Run) -> None:
    power_on(run)
    route(run, 9, LEVEL | 0x39)
    line(run, 9, True)
    for _ in range(3):
        assert taken(run) == 0x39
        assert taken(run) is None
        lapic_write(run, 0, 0xB0, 0)
    assert taken(run) == 0x39
    line(run, 9, False)
    lapic_write(run, 0, 0xB0, 0)
    assert taken(run) is None


@everywhere
def test_a_level_that_nobody_could_accept_is_sent_when_the_apic_is_enabled(run: Run) -> None:
    power_on(run, 1)
    lapic_write(run, 0, 0xF0, 0xFF)
    route(run, 9, LEVEL | 0x39)
    line(run, 9, True)
    assert taken(run) is None
    lapic_write(run, 0, 0xF0, 0x1FF)
    run(service_board, VM)
    assert taken(run) == 0x39


@everywhere
def test_logical_and_lowest_priority_destinations(run: Run) -> None:
    power_on(run, 3)
    route(run, 4, LOGICAL | 0x44, destination=0b110)
    line(run, 4, True)
    assert [taken(run, i) for i in range(3)] == [None, 0x44, 0x44]
    route(run, 5, LOGICAL | LOWEST | 0x55, destination=0b111)
    for _ in range(2):
        line(run, 5, True)
        line(run, 5, False)
    assert [vcpu(i).lapic.posted.summary.load() != 0 for i in range(3)] == [False, True, True]
    assert [taken(run, i) for i in range(3)] == [None, 0x55, 0x55]


@everywhere
def test_the_pic_interrupts_through_lint0(run: Run) -> None:
    power_on(run)
    run(lapic_enter_virtual_wire, vcpu(0).lapic)
    start_pic(run)
    line(run, 4, True)
    assert work(0).interrupt and not work(1).interrupt
    assert taken(run, 1) is None
    assert taken(run, 0) == 0x24
    assert taken(run, 0) is None
    line(run, 4, False)
    line(run, 4, True)
    assert taken(run, 0) is None
    out(run, (0x20, 0x20))
    assert taken(run, 0) == 0x24


@everywhere
def test_lint0_as_a_fixed_interrupt_takes_each_rise_of_intr_once(run: Run) -> None:
    power_on(run, 1)
    start_pic(run)
    lapic_write(run, 0, 0x350, 0x31)
    line(run, 0, True)
    assert taken(run) == 0x31
    run(service_board, VM)
    lapic_write(run, 0, 0xB0, 0)
    assert taken(run) is None


@everywhere
def test_the_timer_tick_reaches_pin_2(run: Run) -> None:
    power_on(run, 1)
    route(run, 2, 0x30)
    out(run, (0x43, 0x34), (0x40, 0xE8), (0x40, 0x03))
    run(board_advance, VM.board, VM.board.pit.deadline)
    run(service_board, VM)
    assert taken(run) == 0x30


@everywhere
def test_interprocessor_interrupts_with_every_shorthand(run: Run) -> None:
    power_on(run, 3)
    lapic_write(run, 0, 0x310, 2 << 24)
    lapic_write(run, 0, 0x300, 0x40)
    assert [taken(run, i) for i in range(3)] == [None, None, 0x40]
    lapic_write(run, 1, 0x300, 0xC_0051)
    assert [taken(run, i) for i in range(3)] == [0x51, None, 0x51]
    lapic_write(run, 1, 0x300, 0x8_0062)
    assert [taken(run, i) for i in range(3)] == [0x62, 0x62, 0x62]
    lapic_write(run, 1, 0x300, 0x4_0073)
    assert [taken(run, i) for i in range(3)] == [None, 0x73, None]
    lapic_write(run, 0, 0x300, 0xC_0400)
    assert [bool(work(i).nmi) for i in range(3)] == [False, True, True]


@everywhere
def test_init_and_startup_are_recorded_for_the_vcpu(run: Run) -> None:
    power_on(run)
    lapic_write(run, 0, 0x300, 0xC_4500)
    assert [int(vcpu(i).lapic.posted.startup.load()) for i in range(2)] == [0, INIT_ASKED]
    lapic_write(run, 0, 0x300, 0xC_0699)
    lapic_write(run, 0, 0x300, 0xC_0698)
    assert int(vcpu(1).lapic.posted.startup.load()) == INIT_ASKED | STARTUP_ASKED | 0x99
    lapic_write(run, 0, 0x300, 0xC_4500)
    assert int(vcpu(1).lapic.posted.startup.load()) == INIT_ASKED


@everywhere
def test_an_illegal_vector_of_the_ioapic_is_an_error_of_the_receiver(run: Run) -> None:
    power_on(run, 1)
    route(run, 4, 0x05)
    line(run, 4, True)
    assert taken(run) is None
    lapic_write(run, 0, 0x280, 0)
    assert int(run(lapic_mmio_read, vcpu(0).lapic, u32(0x280), u32(4), u64(0))) == 0x40


@everywhere
def test_a_timer_that_is_due_sooner_shortens_the_slice(run: Run) -> None:
    power_on(run, 1)
    vcpu(0).deadline = 10**9
    lapic_write(run, 0, 0x320, 0x40)
    vcpu(0).work.store(0)
    lapic_write(run, 0, 0x380, 1000)
    assert work(0).deadline
    assert abs(int(vcpu(0).deadline) - 2000) <= 2
