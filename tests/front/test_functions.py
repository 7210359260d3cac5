from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest

from codegen.front.lower import lower_program, module_functions
from codegen.front.program import host_target
from codegen.lang import (
    Field,
    HwEnum,
    Struct,
    contract,
    fn,
    fn_table,
    host,
    implements,
    rdmsr,
    storage,
    storage_array,
    u16,
    u32,
    u64,
    wrmsr,
)  # fmt: skip
from tests.front.modes import agree, natives, trapped

T = TypeVar("T", bound=Struct)


class Reason(HwEnum, repr=u32):
    CPUID = 10
    HLT = 12


class Counter(Struct):
    hits: Field[u32]
    handler: Field[u16]

    @fn
    def hit(self, by: u32) -> u32:
        self.hits += by
        return self.hits


class Timer(Struct):
    when: Field[u64]


@dataclass(frozen=True)
class Pool:
    take: Callable[[], Any]
    size: int


def make_pool(elem: type[T], size: int) -> Pool:
    memory = storage_array(elem, size)
    used = storage(Counter)

    @fn(where={"T": elem})
    def take() -> T | None:
        n = used.hits
        if n == size:
            return None
        used.hits += 1
        found: T = memory[n]
        return found

    return Pool(take, size)


TIMERS = make_pool(Timer, 2)
COUNTERS = make_pool(Counter, 3)
COUNTER = storage(Counter)


@fn
def on_cpuid(counter: Counter, n: u32) -> u32:
    return counter.hit(n) + 1


@fn
def on_halt(counter: Counter, n: u32) -> u32:
    return Counter.hit(counter, by=n) + 2


@fn
def on_unknown(counter: Counter, n: u32) -> u32:
    return n


HANDLERS = fn_table({Reason.CPUID: on_cpuid, Reason.HLT: on_halt}, default=on_unknown, size=16)


@fn
def dispatch(reason: Reason, n: u32) -> u32:
    return HANDLERS[reason](COUNTER, n)


@fn
def dispatch_by_number(i: u16, n: u32) -> u32:
    COUNTER.handler = i
    return HANDLERS[COUNTER.handler](COUNTER, n=n)


@fn
def pools() -> u32:
    a, b, c = TIMERS.take(), TIMERS.take(), TIMERS.take()
    if a is None or b is None:
        return u32(0)
    a.when = 3
    b.when = 4
    d = COUNTERS.take()
    if d is not None:
        d.hit(u32.trunc(a.when + b.when))
    return u32(1) if c is None else u32(TIMERS.size)


@contract
def vendor_name(n: u32) -> u32: ...


@implements(vendor_name)
@fn
def our_name(n: u32) -> u32:
    return n * 2


@fn
def through_contract(n: u32) -> u32:
    return vendor_name(n) + 1


@fn
def msr(index: u32, value: u64) -> u64:
    old = rdmsr(index)
    wrmsr(index, value)
    return old + rdmsr(index)


@pytest.mark.parametrize("reason", list(Reason))
def test_tables_dispatch_by_enum(reason: Reason) -> None:
    agree(dispatch, reason, u32(5))


@pytest.mark.parametrize("index", [0, 10, 12, 15])
def test_tables_dispatch_by_number(index: int) -> None:
    agree(dispatch_by_number, u16(index), u32(5))


def test_an_index_outside_a_table_traps() -> None:
    assert trapped(dispatch_by_number, u16(16), u32(1)) == "index out of range"


def test_factories_make_functions_of_their_own() -> None:
    assert agree(pools) == ("u32", "u32(1)")
    natives(__name__)


def test_a_contract_is_what_a_module_implements() -> None:
    assert agree(through_contract, u32(4)) == ("u32", "u32(9)")


def test_intrinsics_meet_the_host_processor() -> None:
    def prepare() -> None:
        host.cpu.msrs[0x10] = 77

    agree(msr, u32(0x10), u64(5), prepare=prepare)


def test_symbols_do_not_depend_on_the_order_of_memory() -> None:
    module = sys.modules[__name__]
    first, _ = lower_program(module_functions([module]), [module], host_target())
    second, _ = lower_program(module_functions([module]), [module], host_target())
    assert list(first.functions) == list(second.functions)
    assert list(first.data) == list(second.data)
    closures = [symbol for symbol in first.functions if "take" in symbol]
    assert len(closures) == 2 and all("<" not in symbol for symbol in closures)
