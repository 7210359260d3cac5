from __future__ import annotations

import pytest

from codegen.lang import Hpa, host, u8, u32
from drivers.interrupt.lapic_driver import lapic_start
from hypervisor.cpu.interrupts import PIC_VECTOR, VECTOR_SPURIOUS, VECTOR_TIMER, dispatch_interrupt
from hypervisor.cpu.per_cpu import CPU, per_cpu_start

LAPIC, EOI, ISR, STRIDE = 0xFEE0_0000, 0xB0, 0x100, 0x10
MSR_APIC_BASE, MSR_EOI, MSR_ISR = 0x1B, 0x80B, 0x810
UNUSED_VECTOR = 0x55


class FakeLapic:
    """The page of registers: what is in service, and how many EOIs came."""

    def __init__(self, *in_service: int) -> None:
        self.in_service = in_service
        self.eois = 0

    def read(self, offset: int, width: int, /) -> int:
        word = (offset - ISR) // STRIDE
        return sum(1 << vector % 32 for vector in self.in_service if vector // 32 == word)

    def write(self, offset: int, width: int, value: int, /) -> None:
        self.eois += offset == EOI


@pytest.fixture
def lapic() -> FakeLapic:
    host.cpu.msrs[MSR_APIC_BASE] = LAPIC | 1 << 11
    device = FakeLapic()
    host.bus.map_mmio(Hpa(LAPIC), 0x1000, device)
    per_cpu_start(u32(0))
    lapic_start(False, u8(VECTOR_SPURIOUS))
    return device


def test_an_unexpected_interrupt_is_counted_and_ended(lapic: FakeLapic) -> None:
    lapic.in_service = (UNUSED_VECTOR,)
    dispatch_interrupt(u32(UNUSED_VECTOR))
    assert (CPU.here().unexpected_interrupts, CPU.here().last_unexpected_vector) == (1, UNUSED_VECTOR)
    assert lapic.eois == 1


def test_a_spurious_interrupt_of_the_8259s_ends_nothing_that_is_in_service(lapic: FakeLapic) -> None:
    lapic.in_service = (UNUSED_VECTOR,)
    dispatch_interrupt(u32(PIC_VECTOR + 7))
    assert CPU.here().unexpected_interrupts == 1
    assert lapic.eois == 0


def test_a_spurious_interrupt_of_the_local_apic_gets_no_end(lapic: FakeLapic) -> None:
    dispatch_interrupt(u32(VECTOR_SPURIOUS))
    assert (CPU.here().spurious_interrupts, lapic.eois) == (1, 0)


def test_the_timer_tells_who_waits(lapic: FakeLapic) -> None:
    dispatch_interrupt(u32(VECTOR_TIMER))
    assert (CPU.here().timer_fired.load(), CPU.here().timer_interrupts, lapic.eois) == (1, 1, 1)


def test_in_x2apic_mode_the_registers_are_msrs() -> None:
    host.cpu.msrs.update({msr: 0 for msr in range(0x800, 0x840)} | {MSR_APIC_BASE: LAPIC | 3 << 10, MSR_EOI: 1})
    per_cpu_start(u32(0))
    lapic_start(True, u8(VECTOR_SPURIOUS))
    dispatch_interrupt(u32(UNUSED_VECTOR))
    assert host.cpu.msrs[MSR_EOI] == 1
    host.cpu.msrs[MSR_ISR + UNUSED_VECTOR // 32] = 1 << UNUSED_VECTOR % 32
    dispatch_interrupt(u32(UNUSED_VECTOR))
    assert host.cpu.msrs[MSR_EOI] == 0
