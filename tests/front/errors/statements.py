# ruff: noqa
# fmt: off
from typing import Never, TypeVar

from codegen.lang import (
    Array, Atomic, Field, HwEnum, Local, MmioBlock, Reg, RegArray, Span, Struct, at, count, fn, mmio, span, storage, u8, u32, u64, Hpa,
)


class Fault(HwEnum, repr=u32):
    MISSING = 1


class Inner(Struct):
    x: Field[u32]


class Node(Struct):
    value: Field[u64]
    inner: Inner
    bytes: Array[u8] = count(8)
    inners: Array[Inner] = count(2)
    next: Field["Node | None"]
    flag: Atomic[bool]
    hits: Atomic[u32]


class Broken(Struct):
    other: Field["Missing | None"]
#                 ^^^^^^^ error: unknown name `Missing`
#                 help: did you mean `missing_item`?
    odd: Field["LATER | None"]
#        ^^^^^^^^^^^^^^^^^^^^^ error: field `odd` has no type: unsupported operand type(s) for |: 'int' and 'NoneType'
    plain: Field["Plain | None"]
#          ^^^^^^^^^^^^^^^^^^^^^ error: field `plain` has a type that memory cannot hold: `statements.Plain | None`


class Guard(Struct):
    depth: Field[u32]

    @fn
    def __enter__(self) -> u32:
        return self.depth

    @fn
    def __exit__(self, kind: u32) -> None:
        pass


class Lapic(MmioBlock, size=0x1000):
    ids: RegArray[u32] = at(0x20, count=4, stride=16)
    id: Reg[u32] = at(0x10)


class Plain:
    pass


LATER = 3
T = TypeVar("T")
NODE = storage(Node)
PAIR = (1, 2)


@fn
def pair() -> tuple[u32, u64]:
    return u32(1), u64(2)


@fn
def find(n: u32) -> Node | None:
    return NODE if n > 3 else None


@fn
def read(n: u32) -> u64 | Fault:
    if n > 3:
        return Fault.MISSING
    return u64(n)


@fn
def field_of_a_number(n: u32) -> None:
    n.value = 3
#   ^^^^^^^ error: `u32` has no fields to assign


@fn
def field_of_perhaps_nothing(n: u32) -> None:
    node = find(n)
    node.value = 3
#        ^^^^^ error: this may be None, which has no `value`
#        help: test it with `is None` first


@fn
def embedded_assigned(n: Node, i: Inner) -> None:
    n.inner = i
#     ^^^^^ error: `inner` is a struct inside `Node`
#     help: write `n.inner.copy_from(...)`


@fn
def array_assigned(n: Node) -> None:
    n.bytes = 3
#     ^^^^^ error: `bytes` is an array
#     help: assign its elements


@fn
def element_type(n: Node, x: u32) -> None:
    n.bytes[0] = x
#                ^ error: an element: expected `u8`, found `u32`
#                help: write `u8(...)`, or `u8.trunc(...)` for the low bits


@fn
def byte_type(s: Span, x: u32) -> None:
    s[0] = x
#          ^ error: a byte: expected `u8`, found `u32`
#          help: write `u8(...)`, or `u8.trunc(...)` for the low bits


@fn
def misspelt_assignment(n: Node) -> None:
    n.valeu = 3
#     ^^^^^ error: `Node` has no field `valeu`
#     help: did you mean `value`?


@fn
def star_target() -> None:
    a, *b = pair()
#      ^^ error: star targets are not in the language
#      help: name every target


@fn
def starred_alone() -> None:
    [a, b] = pair()
#   ^^^^^^ error: list targets are not in the language
#   help: write `a, b = ...`


@fn
def too_many_targets() -> None:
    a, b, c = pair()
#   ^^^^^^^ error: 2 values for 3 targets


@fn
def unpacked_number(n: u32) -> None:
    a, b = n
#   ^^^^ error: `u32` cannot be unpacked


@fn
def register_assigned(hpa: Hpa) -> None:
    mmio(Lapic, hpa).ids[0] = 3
#   ^^^^^^^^^^^^^^^^^^^^^^^ error: a register is not assigned
#   help: write `mmio(Lapic, hpa).ids[0].write(...)`


@fn
def item_of_a_number(n: u32) -> None:
    n[0] = 3
#   ^^^^ error: items of `u32` are not assigned


@fn
def item_of_a_number_augmented(n: u32) -> None:
    n[0] += 3
#   ^^^^ error: items of `u32` are not assigned


@fn
def field_of_a_number_augmented(n: u32) -> None:
    n.x += 3
#   ^^^ error: fields of `u32` are not assigned


@fn
def annotated_twice(n: u32) -> None:
    x: u32 = n
    x: u64 = u64(n)
#   ^ error: `x` already has the type `u32`
#   note: here: `x` in `x: u32 = n`


@fn
def annotated_field(n: Node) -> None:
    n.value: u64 = u64(3)
#   ^^^^^^^ error: only locals are annotated


@fn
def annotated_with_a_value() -> None:
    x: LATER = 3
#      ^^^^^ error: `LATER` is no type of the language


@fn
def misspelt_annotation() -> None:
    x: u23 = u32(3)
#      ^^^ error: unknown name `u23`
#      help: did you mean `u32`?


@fn
def annotated_otherwise(n: u64) -> None:
    x: u32 = n
#            ^ error: `x` is `u32`, not `u64`
#            note: `x` got the type `u32` here: `x` in `x: u32 = n`
#            help: a local has one type: use another name


@fn
def string_annotation(n: u64) -> None:
    x: "u32" = n
#              ^ error: `x` is `u32`, not `u64`
#              note: `x` got the type `u32` here: `x` in `x: "u32" = n`
#              help: a local has one type: use another name


@fn
def untyped_item(n: u32) -> None:
    x = n, 3
#          ^ error: this number has no type


@fn
def local_in_a_tuple(n: u32) -> None:
    x = n, Local(Node)
#       ^^^^^^^^^^^^^^ error: a `Local` lives only as long as its function: it is not put into a tuple


@fn
def wrong_item(n: u32) -> tuple[u32, u64]:
    return n, n
#             ^ error: this item: expected `u64`, found `u32`
#             help: write `u64(...)`


@fn
def untyped_result_item(n: u32) -> tuple[u32, u64]:
    return n, 3
#             ^ error: this number has no type
#             help: write `u64(3)`


@fn
def none_item(n: u32) -> tuple[u32, u64]:
    return n, None
#             ^^^^ error: this item: expected `u64`, found `None`


@fn
def tuple_local() -> None:
    x = PAIR
#       ^^^^ error: a local cannot hold a build-time object


@fn
def comes_back() -> Never:
    return
#   ^^^^^^ error: this function is declared not to return


@fn
def returns_nothing() -> u32:
    return
#   ^^^^^^ error: this function returns `u32`
#   note: expected `u32` because of this declaration: `u32` in `def returns_nothing() -> u32:`


@fn
def returns_something() -> None:
    return u32(3)
#          ^^^^^^ error: the result: expected `None`, found `u32`
#          note: expected `None` because of this declaration: `None` in `def returns_something() -> None:`


@fn
def returns_perhaps() -> Node:
    return find(u32(1))
#          ^^^^^^^^^^^^ error: the result: expected `Node`, but this may be None
#          note: expected `Node` because of this declaration: `Node` in `def returns_perhaps() -> Node:`
#          help: test it with `is None` first


@fn
def returns_perhaps_an_error() -> u64:
    return read(u32(1))
#          ^^^^^^^^^^^^ error: the result: expected `u64`, but this may be the error `Fault`
#          note: expected `u64` because of this declaration: `u64` in `def returns_perhaps_an_error() -> u64:`
#          help: test it with `isinstance(..., Fault)` first


@fn
def returns_the_wrong_error() -> u64 | Fault:
    return u32(3)
#          ^^^^^^ error: the result: expected `u64 | Fault`, found `u32`
#          note: expected `u64 | Fault` because of this declaration: `u64 | Fault` in `def returns_the_wrong_error() -> u64 | Fault:`


@fn
def stored_local(n: Node) -> None:
    n.next = Local(Node)
#            ^^^^^^^^^^^ error: a `Local` lives only as long as its function: it cannot be stored


@fn
def number_for_a_reference(n: Node) -> None:
    n.next = 3
#            ^ error: an untyped number cannot stand for `Node | None`
#            note: expected `Node | None` because of this declaration: `Field["Node | None"]` in `next: Field["Node | None"]`


@fn
def no_effect() -> None:
    3
#   ^ error: this statement has no effect


@fn
def name_without_effect(n: u32) -> None:
    n
#   ^ error: this statement has no effect


@fn
def ellipsis_as_value() -> None:
    x = ...
#       ^^^ error: a body is missing here


@fn
def early_end(n: u32) -> u32:
    assert n
#          ^ error: a condition is a bool, not `u32`
#          help: write `n != 0`


@fn
def no_scope(n: Node) -> None:
    with n:
#        ^ error: `Node` is no scope
#        help: a scope is a struct whose `__enter__` and `__exit__` are `@fn`s
        pass


@fn
def scope_with_parameters(g: Guard) -> None:
    with g:
#        ^ error: statements.Guard.__exit__ takes nothing but self (and star arguments)
        pass


@fn
def forward_reference(b: Broken) -> None:
    b.other = None


@fn
def odd_reference(b: Broken) -> None:
    b.odd = None


@fn
def plain_reference(b: Broken) -> None:
    b.plain = None


@fn
def add_to_a_flag(n: Node) -> bool:
    return n.flag.fetch_add(True)
#          ^^^^^^^^^^^^^^^^^^^^^^ error: `fetch_add` is for integers, not `bool`


@fn
def atomic_type(n: Node, x: u64) -> None:
    n.hits.store(x)
#                ^ error: the argument: expected `u32`, found `u64`
#                help: write `u32(...)`, or `u32.trunc(...)` for the low bits


@fn
def slice_of_an_array(n: Node) -> None:
    x = n.bytes[1:2]
#               ^^^ error: slices are not in the language
#               help: use `span.slice(offset, length)`


@fn
def signed_index(n: Node, c: bool) -> u8:
    return n.bytes[c]
#                  ^ error: an index is of an unsigned type, not `bool`


@fn
def indexed_number(n: u32) -> u32:
    return n[0]
#          ^^^^ error: `u32` cannot be indexed


@fn
def build_time_index(n: u32) -> u32:
    return u32(PAIR[n])
#              ^^^^^^^ error: a tuple is a build-time object: its index must be known
#              help: use `table(...)` for data, `fn_table(...)` for functions


@fn
def missing_item() -> u32:
    return u32(PAIR[2])
#              ^^^^^^^ error: no such item: tuple index out of range


@fn
def single_register(hpa: Hpa) -> u32:
    return mmio(Lapic, hpa).id[0].read()
#          ^^^^^^^^^^^^^^^^^^^^^^ error: `Lapic.id` is a single register


@fn
def register_index(hpa: Hpa) -> u32:
    return mmio(Lapic, hpa).ids[4].read()
#                               ^ error: index 4 is outside the array of 4


@fn
def register_array_read(hpa: Hpa) -> u32:
    return mmio(Lapic, hpa).ids.read()
#          ^^^^^^^^^^^^^^^^^^^^^^^^^ error: `Lapic.ids` is an array of registers
#          help: index it first


@fn
def register_value(hpa: Hpa, x: u64) -> None:
    mmio(Lapic, hpa).id.write(x)
#                             ^ error: the value of `Lapic.id`: expected `u32`, found `u64`
#                             note: expected `u32` because of this declaration: `Reg[u32]` in `id: Reg[u32] = at(0x10)`
#                             help: write `u32(...)`, or `u32.trunc(...)` for the low bits


@fn
def register_as_local(hpa: Hpa) -> None:
    x = mmio(Lapic, hpa).id
#   ^ error: a local cannot hold `Reg[u32]`


@fn
def declared_later(n: u32) -> None:
    x: Never
#   ^ error: a local cannot hold `Never`
    x = n


@fn
def member_of_perhaps_an_error(n: u32) -> u64:
    r = read(n)
    return r.value
#            ^^^^^ error: this may be the error `Fault`
#            help: test it with `isinstance(..., Fault)` first


@fn
def unbound_type_variable(n: u32) -> None:
    x: T = n
#      ^ error: type variable T needs @fn(where={"T": …})


@fn
def none_without_effect(n: u32) -> None:
    None
#   ^^^^ error: this statement has no effect


BANNER = span(b"keelback")


@fn
def byte_string_written() -> None:
    b"text"[0] = 1
#   ^^^^^^^^^^ error: a byte string is read-only
    BANNER[0] = 75
#   ^^^^^^^^^ error: a byte string is read-only
    BANNER.fill(u8(0))
#   ^^^^^^^^^^^^^^^^^^ error: a byte string is read-only
    BANNER.copy_from(BANNER)
#   ^^^^^^^^^^^^^^^^^^^^^^^^ error: a byte string is read-only


@fn
def conversion_without_effect(n: u32) -> None:
    u64(n)
#   ^^^^^^ error: this statement has no effect


@fn
def sum_without_effect(n: u32) -> None:
    n + 1
#   ^^^^^ error: this statement has no effect


@fn
def field_without_effect(n: Node) -> None:
    n.value
#   ^^^^^^^ error: this statement has no effect
