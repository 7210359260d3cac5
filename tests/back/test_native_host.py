from __future__ import annotations

import sys
from typing import Any

import pytest

from codegen.back.jit import NativeModule, compile_native
from codegen.front.lower import lower_program
from codegen.front.program import host_target
from codegen.lang import (
    Field,
    Gpa,
    Hpa,
    Hva,
    HwEnum,
    Local,
    MmioBlock,
    PortBlock,
    Reg,
    Span,
    Struct,
    address_of,
    at,
    fn,
    host,
    intrinsic,
    mmio,
    per_cpu,
    ports,
    storage,
    u8,
    u16,
    u32,
    u64,
)  # fmt: skip
from codegen.lang.memory import read

THIS = sys.modules[__name__]


class Fault(HwEnum, repr=u32):
    MISSING = 3


class State(Struct):
    count: Field[u64]


class CpuData(Struct):
    self_address: Field[Hva]
    ticks: Field[u64]


class Device(MmioBlock, size=16):
    status: Reg[u32] = at(4)


class Uart(PortBlock, size=8):
    data: Reg[u8] = at(0)


STATE = storage(State)
CPU = per_cpu(CpuData)


@intrinsic("nop", "={ax},{cx}")
def ask(number: u32) -> u32:
    if number == 13:
        raise LookupError("unlucky")
    return number + 1


@intrinsic("nop", "={ax},{cx}")
def first_word(where: Hva) -> u64:
    return u64(int.from_bytes(read(int(where), 8), "little"))


@fn
def through_model(x: u32) -> u32:
    return ask(ask(x))


@fn
def local_seen_by_model(x: u64) -> u64:
    state = Local(State)
    state.count = x
    return first_word(address_of(state))


@fn
def devices(x: u32) -> u32:
    device = mmio(Device, Hpa(0xFEE0_0000))
    device.status.write(x)
    ports(Uart, u16(0x3F8)).data.write(u8(7))
    return device.status.read() + u32(ports(Uart, u16(0x3F8)).data.read())


@fn
def shared(x: u64) -> u64:
    STATE.count += x
    CPU.current.ticks += 1
    return CPU.current.ticks + CPU.here().ticks


@fn
def find(x: u32) -> u64 | Fault:
    if x == 0:
        return Fault.MISSING
    return u64(x)


@fn
def maybe(x: u32) -> tuple[Gpa | None, bool, Span]:
    text = b"word"
    if x == 0:
        return None, False, text
    return Gpa(u64(x)), True, text


class Register:
    def __init__(self) -> None:
        self.value = 0

    def read(self, offset: int, width: int) -> int:
        return self.value

    def write(self, offset: int, width: int, value: int) -> None:
        self.value = value


def native(level: int) -> NativeModule:
    roots: Any = [through_model, local_seen_by_model, devices, shared, find, maybe]
    program, diagnostics = lower_program(roots, [THIS], host_target())
    assert not diagnostics, diagnostics[0].render()
    return compile_native(program, level)


@pytest.fixture(params=[0, 2])
def module(request: pytest.FixtureRequest) -> NativeModule:
    host.reset()
    return native(request.param)


def test_instructions_run_their_models(module: NativeModule) -> None:
    assert module.call(through_model, u32(5)) == u32(7)


def test_what_a_model_raises_arrives_and_later_calls_work(module: NativeModule) -> None:
    for _ in range(3):
        with pytest.raises(LookupError, match="unlucky"):
            module.call(through_model, u32(12))
    assert module.call(through_model, u32(1)) == u32(3)


def test_a_model_reads_the_locals_of_native_code(module: NativeModule) -> None:
    assert module.call(local_seen_by_model, u64(1 << 40)) == u64(1 << 40)


def test_a_model_may_call_native_code(module: NativeModule, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ask, "function", lambda x: u32(1) + u32(module.call(find, x)))
    assert module.call(through_model, u32(5)) == u32(7)


def test_registers_reach_the_bus(module: NativeModule) -> None:
    host.bus.map_mmio(Hpa(0xFEE0_0000), 16, Register())
    host.bus.map_ports(0x3F8, 8, Register())
    assert module.call(devices, u32(100)) == u32(107)


def test_storage_and_per_cpu_data_are_those_of_cpython(module: NativeModule) -> None:
    shared(u64(2))
    assert module.call(shared, u64(3)) == u64(4)
    assert STATE.count == u64(5) and CPU.current.ticks == u64(2)


def test_results_options_tuples_and_spans_cross_the_border(module: NativeModule) -> None:
    assert module.call(find, u32(0)) is Fault.MISSING and module.call(find, u32(9)) == u64(9)
    where, there, text = module.call(maybe, u32(4096))
    assert (where, there, bytes(text)) == (Gpa(4096), True, b"word")
    assert module.call(maybe, u32(0))[0] is None
