from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from codegen.lang import bind, storage, u32, u64
from hypervisor.devices.lapic.posted import post_init, post_startup, post_vector
from hypervisor.devices.lapic.receive import lapic_receive
from hypervisor.devices.lapic.reset import lapic_reset
from hypervisor.devices.lapic.state import LapicEffect
from hypervisor.vcpu import contract
from hypervisor.vcpu.segment import Segment, SegmentName
from hypervisor.vcpu.vcpu import NMI_WORK, Vcpu, VcpuState
from hypervisor.vm.startup import serve_startup, startup_requested

VCPU = storage(Vcpu)
CR0 = 0xA000_0033  # paging, protection, NW: of these INIT leaves NW
INIT = {"resets": 1, "flushes": 1, "msrs kept": 9, "cr0": 0x2000_0010}


@pytest.fixture
def written() -> Iterator[dict[str, int]]:
    state: dict[str, int] = {}

    def write_segment(vcpu: Vcpu, name: SegmentName, source: Segment) -> None:
        state[name.name] = int(source.base)
        state[f"{name.name} selector"] = int(source.selector)

    def reset_registers(vcpu: Vcpu) -> None:
        state["resets"] = state.get("resets", 0) + 1
        vcpu.regs.zero()

    def write_msr(vcpu: Vcpu, number: u32, value: u64) -> None:
        state["msrs kept"] = state.get("msrs kept", 0) + int(value == int(number) + 1)

    models: dict[Callable[..., Any], Callable[..., Any]] = {
        contract.vcpu_reset_registers: reset_registers,
        contract.vcpu_read_saved_msr: lambda vcpu, msr: u64(int(msr) + 1),
        contract.vcpu_write_saved_msr: write_msr,
        contract.vcpu_cr: lambda vcpu, number: u64(CR0),
        contract.vcpu_set_cr: lambda vcpu, number, value: state.update({f"cr{int(number)}": int(value)}),
        contract.vcpu_flush_tlb: lambda vcpu: state.update(flushes=state.get("flushes", 0) + 1),
        contract.vcpu_read_segment: lambda vcpu, name, into: None,
        contract.vcpu_write_segment: write_segment,
        contract.vcpu_set_rip: lambda vcpu, value: state.update(rip=int(value)),
    }
    for declared, model in models.items():
        bind(declared, model)
    yield state
    for declared in models:
        bind(declared, None)


def power_on(bootstrap: bool) -> None:
    lapic_reset(VCPU.lapic, u32(0 if bootstrap else 1), bootstrap)
    VCPU.state = VcpuState.RUNNABLE


def test_init_makes_an_application_processor_wait(written: dict[str, int]) -> None:
    power_on(bootstrap=False)
    VCPU.regs.rax = u64(5)
    post_init(VCPU.lapic.posted)
    assert startup_requested(VCPU)
    assert serve_startup(VCPU)
    assert VCPU.state == VcpuState.WAIT_FOR_STARTUP
    assert written == INIT and VCPU.regs.rax == 0
    assert not startup_requested(VCPU)


def test_startup_begins_in_real_mode_at_its_page(written: dict[str, int]) -> None:
    power_on(bootstrap=False)
    post_init(VCPU.lapic.posted)
    post_startup(VCPU.lapic.posted, u32(0x9A))
    assert serve_startup(VCPU)
    assert VCPU.state == VcpuState.RUNNABLE
    assert written == {**INIT, "CS": 0x9_A000, "CS selector": 0x9A00, "rip": 0}


def test_a_second_startup_message_is_dropped(written: dict[str, int]) -> None:
    power_on(bootstrap=False)
    post_startup(VCPU.lapic.posted, u32(0x9A))
    assert not serve_startup(VCPU)
    assert written == {}
    assert not startup_requested(VCPU)


def test_init_restarts_the_bootstrap_processor(written: dict[str, int]) -> None:
    power_on(bootstrap=True)
    post_init(VCPU.lapic.posted)
    assert serve_startup(VCPU)
    assert VCPU.state == VcpuState.RUNNABLE and written == INIT


def test_what_was_sent_before_init_or_while_it_waits_is_lost_at_startup(written: dict[str, int]) -> None:
    power_on(bootstrap=False)
    posted = VCPU.lapic.posted
    for post in (post_init, lambda posted: post_startup(posted, u32(2))):
        post_vector(posted, u32(0x40), level=False)
        post_vector(posted, u32(0x91), level=True)
        VCPU.work.fetch_or(NMI_WORK)
        post(posted)
        assert serve_startup(VCPU)
        assert VCPU.work.load() & NMI_WORK == 0
        assert lapic_receive(VCPU.lapic) == LapicEffect.NONE and VCPU.lapic.irr_words == 0
    assert VCPU.state == VcpuState.RUNNABLE
