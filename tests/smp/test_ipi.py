from __future__ import annotations

import pytest

from codegen.lang import Hpa, address_of, host, storage, u8, u32, u64
from drivers.interrupt.lapic_driver import lapic_start
from drivers.interrupt.lapic_ipi import send_init, send_interrupt, send_nmi, send_startup
from hypervisor.cpu.interrupts import VECTOR_KICK, VECTOR_SPURIOUS, dispatch_interrupt
from hypervisor.cpu.kick import send_kick, send_kicks
from hypervisor.cpu.per_cpu import CPU, CPUS, per_cpu_start
from hypervisor.vcpu.vcpu import Vcpu, VcpuWork

LAPIC, EOI, COMMAND, DESTINATION = 0xFEE0_0000, 0xB0, 0x300, 0x310
PENDING = 1 << 12
ASSERT = 1 << 14


class FakeLapic:
    """Accepts commands; each is pending for as many readings as it was told."""

    def __init__(self, pending: int = 0) -> None:
        self.pending = pending
        self.high = 0
        self.sent: list[tuple[int, int]] = []
        self.eois = 0

    def read(self, offset: int, width: int, /) -> int:
        if offset != COMMAND or self.pending == 0:
            return 0
        self.pending -= 1
        return PENDING

    def write(self, offset: int, width: int, value: int, /) -> None:
        if offset == DESTINATION:
            self.high = value
        elif offset == COMMAND:
            assert self.pending == 0
            self.sent.append((self.high >> 24, value))
        self.eois += offset == EOI


def in_memory(pending: int = 0) -> FakeLapic:
    host.cpu.msrs[0x1B] = LAPIC | 1 << 11
    device = FakeLapic(pending)
    host.bus.map_mmio(Hpa(LAPIC), 0x1000, device)
    per_cpu_start(u32(0))
    lapic_start(False, u8(VECTOR_SPURIOUS))
    return device


def in_msrs() -> None:
    host.cpu.msrs.update({msr: 0 for msr in range(0x800, 0x840)} | {0x1B: LAPIC | 3 << 10})
    per_cpu_start(u32(0))
    lapic_start(True, u8(VECTOR_SPURIOUS))


# SDM vol. 3A, figure 11-12: vector, delivery mode in bits 10:8, level "assert" in bit 14.
COMMANDS = [
    (lambda to: send_interrupt(to, u8(0x55)), 0x4055),
    (send_nmi, 0x4400),
    (send_init, 0x4500),
    (lambda to: send_startup(to, u8(0x9E)), 0x469E),
]


@pytest.mark.parametrize(("send", "low"), COMMANDS)
def test_a_command_has_the_manuals_bits_in_xapic_mode(send, low: int) -> None:
    device = in_memory()
    assert send(u32(3))
    assert device.sent == [(3, low)]


@pytest.mark.parametrize(("send", "low"), COMMANDS)
def test_a_command_has_the_manuals_bits_in_x2apic_mode(send, low: int) -> None:
    in_msrs()
    assert send(u32(0x1234))
    assert host.cpu.msrs[0x830] == 0x1234 << 32 | low


def test_a_command_waits_for_the_one_before() -> None:
    device = in_memory(pending=20)
    assert send_nmi(u32(1))
    assert (device.pending, device.sent) == (0, [(1, 0x4400)])


def test_a_command_is_not_sent_over_one_that_never_leaves() -> None:
    device = in_memory(pending=1 << 40)
    assert not send_nmi(u32(1))
    assert device.sent == []


@pytest.mark.parametrize("apic_id", [0xFF, 0x100])
def test_xapic_mode_cannot_name_high_ids_and_never_calls_everybody(apic_id: int) -> None:
    device = in_memory()
    assert not send_nmi(u32(apic_id))
    assert device.sent == []


def test_a_kick_goes_to_the_processors_of_the_mask_alone() -> None:
    device = in_memory()
    for number, apic_id in enumerate((4, 6, 8, 10)):
        CPUS[number].apic_id = apic_id
    send_kick(u32(1))
    send_kicks(u64(0b1101))
    assert device.sent == [(to, ASSERT | VECTOR_KICK) for to in (6, 4, 8, 10)]


def test_a_kick_is_counted_and_ended_and_its_processor_leaves_the_guest_to_decide_anew() -> None:
    device = in_memory()
    vcpu = storage(Vcpu)
    CPU.here().current_vcpu = address_of(vcpu)
    dispatch_interrupt(u32(VECTOR_KICK))
    assert (CPU.here().kicks.load(), CPU.here().reschedule.load(), device.eois) == (1, 1, 1)
    assert VcpuWork.of(vcpu.work.load()).reschedule
