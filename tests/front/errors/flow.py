# ruff: noqa
from typing import Never

from codegen.lang import HwEnum, Field, Local, Struct, fn, storage, u32, u64


class Fault(HwEnum, repr=u32):
    MISSING = 1
    BROKEN = 2


class Node(Struct):
    next: Field["Node | None"]
    value: Field[u64]


class Status(HwEnum, repr=u32, must_use=True):
    OK = 0
    BAD = 1


@fn
def find(n: u32) -> u64 | Fault:
    if n > 4:
        return Fault.MISSING
    return u64(n)


@fn
def status() -> Status:
    return Status.OK


@fn
def no_result(n: u32) -> u32:  # error: flow.no_result returns u32, but not on every way
    if n > 3:
        return n


@fn
def unassigned(c: bool) -> u32:
    if c:
        n = u32(1)
    return n  # error: local 'n' may have no value here


@fn
def too_early() -> u32:
    m = n + 1  # error: local 'n' has no value yet
    n = u32(3)
    return m


@fn
def two_types(n: u32) -> None:
    x = n
    x = u64(n)  # error: 'x' is u32, not u64


@fn
def untested(n: Node) -> u64:
    return n.next.value  # error: this may be None, which has no 'value'  # help: bind it to a local


@fn
def untested_error(n: u32) -> u64:
    return find(n) + 1  # error: this is u64 | Fault  # help: `isinstance(..., Fault)`


@fn
def dropped(n: u32) -> None:
    find(n)  # error: the result of type u64 | Fault is dropped


@fn
def dropped_status() -> None:
    status()  # error: the result of type Status is dropped


@fn
def escaping() -> Node:
    n = Local(Node)
    return n  # error: a Local(Node) lives only as long as its function


@fn
def comes_back() -> Never:  # error: declared not to return, but its end is reached
    pass


@fn
def loses_narrowing(n: Node) -> u64:
    m = n.next
    if m is None:
        return u64(0)
    while m.value > 3:  # error: this may be None, which has no 'value'
        m = m.next
    return u64(1)


@fn
def unnamed_none() -> None:
    x = None  # error: None does not say what 'x' may hold


@fn
def unknown_case(e: Fault) -> None:
    match e:
        case Fault.MISSING:
            pass
        case Fault.MISSING:  # error: an earlier case takes this value
            pass


@fn
def bare_name_case(e: Fault) -> None:
    match e:
        case other:  # error: this pattern is not in the language
            pass


@fn
def no_cascade() -> u64:
    x = unknown_thing  # error: unknown name 'unknown_thing'
    y = x + 1
    return y * x


@fn
def itself(n: u32) -> u32:
    return itself(n - 1)  # error: recursion: flow.itself -> flow.itself


@fn
def ping(n: u32) -> u32:
    return pong(n)


@fn
def pong(n: u32) -> u32:
    return ping(n)  # error: recursion: flow.ping -> flow.pong -> flow.ping
