"""Handlers that may come between any two instructions, good ones and bad ones."""

from __future__ import annotations

from typing import Never

from codegen.lang import (
    Array,
    Atomic,
    Field,
    Local,
    PortBlock,
    Reg,
    Struct,
    at,
    cli,
    count,
    fn,
    fn_table,
    hlt,
    ports,
    rdmsr,
    storage,
    table,
    u8,
    u16,
    u32,
    u64,
    wbinvd,
)


class State(Struct):
    once: Field[u64]
    plain: Field[u64]
    counter: Atomic[u64]
    counters: Array[u64] = count(4)


class Pair(Struct):
    first: Field[u64]
    second: Field[u64]


class Port(PortBlock, size=1):
    data: Reg[u8] = at(0)


STATE = storage(State)
TABLE = table(u64, [1, 2, 3])


@fn
def counts() -> None:
    STATE.counter.fetch_add(u64(1))
    if STATE.counter.load() > 5:
        STATE.counter.store(u64(0))


@fn
def uses_its_stack(frame: Pair) -> None:
    pair = Local(Pair)
    pair.first = frame.second
    swap(pair)
    STATE.counter.store(pair.second)


@fn
def swap(pair: Pair) -> None:
    first = pair.first
    pair.first = pair.second
    pair.second = first


@fn
def reads_constants_and_what_stands() -> None:
    STATE.counter.store(TABLE[STATE.once % 3] + rdmsr(u32(0x10)))


@fn
def panics() -> None:
    if STATE.counter.load() == 7:
        end()


@fn
def end() -> Never:
    STATE.plain = u64(1)
    while True:
        cli()
        hlt()


@fn
def loads_plain() -> None:
    STATE.counter.store(STATE.plain)


@fn
def set_plain() -> None:
    STATE.once = u64(3)


@fn
def set_through_a_callee() -> None:
    stores(STATE, u64(5))


@fn
def stores(state: State, value: u64) -> None:
    state.once = value
    STATE.once = value


@fn
def writes_the_frame(frame: Pair) -> None:
    frame.first = u64(0)


@fn
def indexes(index: u64) -> None:
    STATE.counters[index] = u64(1)


@fn
def zeroes() -> None:
    STATE.zero()


@fn
def asks_a_port() -> None:
    STATE.counter.store(u64(ports(Port, u16(0x60)).data.read()))


@fn
def executes_another_instruction() -> None:
    wbinvd()


@fn
def calls_through_a_table(index: u32) -> None:
    HANDLERS[index]()


HANDLERS = fn_table({0: counts}, default=counts, size=2)

GOOD = ["counts", "uses_its_stack", "reads_constants_and_what_stands", "panics"]
BAD = {
    "loads_plain": "data tests.image.restless.STATE+8 without an atomic",
    "set_plain": "data tests.image.restless.STATE+0 without an atomic",
    "set_through_a_callee": "data tests.image.restless.STATE+0 without an atomic",
    "writes_the_frame": "frame without an atomic",
    "indexes": "data tests.image.restless.STATE>24 without an atomic",
    "zeroes": "memory that is not its own",
    "asks_a_port": "a device",
    "executes_another_instruction": "wbinvd",
    "calls_through_a_table": "whatever",
}
"""What each is told."""
