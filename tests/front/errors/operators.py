# ruff: noqa
# fmt: off
from codegen.lang import BitStruct, bit, Field, Gpa, HwEnum, Struct, fn, i32, max, min, u8, u16, u32, u64


class Kind(HwEnum, repr=u32):
    ONE = 1


class Flags(BitStruct, repr=u64):
    x: bool = bit(0)


class Node(Struct):
    value: Field[u64]
    next: Field["Node | None"]


@fn
def booleans(a: bool, b: bool) -> bool:
    return a & b
#          ^^^^^ error: `&` is for integers
#          help: write `and`, `or` or `!=`


@fn
def enums(a: Kind, b: Kind) -> u32:
    return a + b
#          ^^^^^ error: `+` is for integers, not `Kind`
#          help: write `u64(...)`


@fn
def enum_and_number(a: Kind) -> Kind:
    return a + 1
#              ^ error: an untyped number cannot stand for `Kind`
#              help: name a member: `Kind.NAME`


@fn
def cannot_be_computed() -> u32:
    return u32(1 // 0)
#              ^^^^^^ error: this cannot be computed: integer division or modulo by zero


@fn
def shifted_enum(a: Kind) -> u32:
    return a << 1
#          ^^^^^^ error: `<<` is for integers, not `Kind`
#          help: write `u64(...)`


@fn
def signed_amount(a: u32, n: i32) -> u32:
    return a << n
#               ^ error: a shift amount is of an unsigned type, not `i32`


@fn
def address_product(a: Gpa) -> Gpa:
    return a * 2
#          ^^^^^ error: `*` is not defined for addresses
#          help: compute with `u64(...)`, then `Gpa(...)`


@fn
def inverted_bool(a: bool) -> bool:
    return ~a
#          ^^ error: `~` is for integers, not `bool`


@fn
def plus(a: i32) -> i32:
    return +a
#          ^^ error: `+x` is not in the language


@fn
def reference_sum(a: Node) -> u64:
    return a + 1
#              ^ error: an untyped number cannot stand for `Node`


@fn
def perhaps_none(a: Node) -> bool:
    return a.next == a
#          ^^^^^^ error: this is `Node | None`
#          help: test it with `is None` first


@fn
def structs_compared(a: Node, b: Node) -> bool:
    return a == b
#          ^^^^^^ error: `==` is not defined for `Node`
#          help: structs are references: write `is`, or compare their fields


@fn
def identity_of_numbers(a: u32, b: u32) -> bool:
    return a is b
#          ^^^^^^ error: `is` compares references to structs, not `u32` and `u32`
#          help: write `==`


@fn
def address_and_number(a: Gpa) -> bool:
    return a == 4096
#               ^^^^ error: an untyped number cannot stand for `Gpa`
#               help: write `Gpa(0x1000)`


@fn
def widths_compared(a: u32, b: u64) -> bool:
    return a < b
#          ^^^^^ error: comparison of `u32` with `u64`
#          help: write `u64(...)`


@fn
def condition(a: Node) -> None:
    while a.next:
#         ^^^^^^ error: a condition is a bool, not `Node | None`
#         help: write `a.next is not None`
        a = a


@fn
def both_sides(a: u32, b: bool) -> bool:
    return b and a
#                ^ error: a condition is a bool, not `u32`
#                help: write `a != 0`


@fn
def minimum(a: u32, b: u64) -> u32:
    return min(a, b)
#          ^^^^^^^^^ error: min takes two numbers of one type, not `u32` and `u64`


@fn
def wide_value(a: u64) -> u32:
    return u32(a.next)
#                ^^^^ error: `u64` has no `next`


@fn
def converted_struct(a: Node) -> u64:
    return u64(a)
#          ^^^^^^ error: `Node` is not converted to `u64`


@fn
def low_bits_of_a_struct(a: Node) -> u32:
    return u32.trunc(a)
#          ^^^^^^^^^^^^ error: `Node` has no low bits


@fn
def address_of_the_wrong_width(a: u32) -> Gpa:
    return Gpa(a)
#              ^ error: the argument of `Gpa`: expected `u64`, found `u32`
#              help: write `u64(...)`


@fn
def bad_test(a: u32) -> bool:
    return isinstance(a, u64)
#          ^^^^^^^^^^^^^^^^^^ error: isinstance tests `T | E` and `E | None`; this is `u32`


@fn
def test_of_one(a: u32) -> bool:
    return isinstance(a)
#          ^^^^^^^^^^^^^ error: isinstance takes a value and a class


@fn
def arms(c: bool, a: u32, b: u64) -> u32:
    return a if c else b
#                      ^ error: the other arm: expected `u32`, found `u64`
#                      help: write `u32(...)`, or `u32.trunc(...)` for the low bits


@fn
def untyped_arms(c: bool) -> u8:
    return u8(1 if c else 2)
#             ^ error: the arms of a conditional need a typed value
#             help: write `u64(1)`


@fn
def arm_without_value(c: bool, a: Node) -> None:
    x = None if c else None
#       ^^^^^^^^^^^^^^^^^^^ error: the arms of a conditional need a value


@fn
def augmented(a: u32, b: u64) -> u32:
    a += b
#   ^^^^^^ error: operand types of `+` differ: `u32` and `u64`
#   help: write `u64(...)`
    return a


@fn
def augmented_field(n: Node, b: u32) -> None:
    n.value += b
#   ^^^^^^^^^^^^ error: operand types of `+` differ: `u64` and `u32`
#   help: write `u64(...)`


@fn
def wrong_argument(a: u32, b: u16) -> u32:
    return a.wrapping_add(b)
#                         ^ error: the argument: expected `u32`, found `u16`
#                         help: write `u32(...)`


@fn
def rotated_by_signed(a: u32, n: i32) -> u32:
    return a.rotate_left(n)
#                        ^ error: an amount is of an unsigned type, not `i32`


@fn
def two_mistakes_in_two_statements(a: u32, b: u64) -> u64:
    x = a + b
#       ^^^^^ error: operand types of `+` differ: `u32` and `u64`
#       help: write `u64(...)`
    y = b + a
#       ^^^^^ error: operand types of `+` differ: `u64` and `u32`
#       help: write `u64(...)`
    return x + y


@fn
def wide_bits(a: Flags) -> u32:
    return u32(a)
#          ^^^^^^ error: `Flags` is 64 bits wide, `u32` is 32
#          help: write `u32(u64(...))`
