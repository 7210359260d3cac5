# ruff: noqa
# fmt: off
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
def no_result(n: u32) -> u32:
#   ^^^^^^^^^ error: flow.no_result returns `u32`, but not on every way
#   note: the body may end here: `if n > 3:...` in `if n > 3:`
    if n > 3:
        return n


@fn
def unassigned(c: bool) -> u32:
    if c:
        n = u32(1)
    return n
#          ^ error: local `n` may have no value here
#          note: assigned only here, which may not run: `n` in `n = u32(1)`


@fn
def too_early() -> u32:
    m = n + 1
#       ^ error: local `n` has no value yet
    n = u32(3)
    return m


@fn
def two_types(n: u32) -> None:
    x = n
    x = u64(n)
#       ^^^^^^ error: `x` is `u32`, not `u64`
#       note: `x` got the type `u32` here: `x` in `x = n`
#       help: a local has one type: use another name


@fn
def untested(n: Node) -> u64:
    return n.next.value
#                 ^^^^^ error: this may be None, which has no `value`
#                 help: bind it to a local and test that with `is None` first


@fn
def untested_error(n: u32) -> u64:
    return find(n) + 1
#          ^^^^^^^ error: this is `u64 | Fault`
#          help: test it with `isinstance(..., Fault)` first


@fn
def dropped(n: u32) -> None:
    find(n)
#   ^^^^^^^ error: the result of type `u64 | Fault` is dropped: it may tell of an error
#   help: test it, or assign it to a local


@fn
def dropped_status() -> None:
    status()
#   ^^^^^^^^ error: the result of type `Status` is dropped: it may tell of an error
#   help: test it, or assign it to a local


@fn
def escaping() -> Node:
    n = Local(Node)
    return n
#          ^ error: a `Local(Node)` lives only as long as its function: it cannot be returned


@fn
def comes_back() -> Never:
#   ^^^^^^^^^^ error: flow.comes_back is declared not to return, but its end is reached
    pass


@fn
def loses_narrowing(n: Node) -> u64:
    m = n.next
    if m is None:
        return u64(0)
    while m.value > 3:
#           ^^^^^ error: this may be None, which has no `value`
#           help: test it with `is None` first
        m = m.next
    return u64(1)


@fn
def unnamed_none() -> None:
    x = None
#       ^^^^ error: None does not say what `x` may hold
#       help: write `x: T | None = None`


@fn
def unknown_case(e: Fault) -> None:
    match e:
        case Fault.MISSING:
            pass
        case Fault.MISSING:
#            ^^^^^^^^^^^^^ error: an earlier case takes this value
            pass


@fn
def bare_name_case(e: Fault) -> None:
    match e:
        case other:
#            ^^^^^ error: this pattern is not in the language
#            help: a bare name would catch everything: write `_`
            pass


@fn
def no_cascade() -> u64:
    x = unknown_thing
#       ^^^^^^^^^^^^^ error: unknown name `unknown_thing`
#       help: did you mean `unknown_case`?
    y = x + 1
    return y * x


@fn
def itself(n: u32) -> u32:
    return itself(n - 1)
#          ^^^^^^^^^^^^^ error: recursion: flow.itself -> flow.itself
#          help: stacks in ring 0 are bounded: write a loop


@fn
def ping(n: u32) -> u32:
    return pong(n)


@fn
def pong(n: u32) -> u32:
    return ping(n)
#          ^^^^^^^ error: recursion: flow.ping -> flow.pong -> flow.ping
#          help: stacks in ring 0 are bounded: write a loop


@fn
def dropped_option(n: u32) -> None:
    n.checked_add(1)
#   ^^^^^^^^^^^^^^^^ error: the result of type `u32 | None` is dropped: it may tell of an error
#   help: test it, or assign it to a local
