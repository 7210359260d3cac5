# ruff: noqa
# fmt: off
from codegen.lang import Gpa, Hpa, fn, i32, range, u8, u32, u64


@fn
def take(x: u32) -> None:
    pass


@fn
def untyped_local() -> None:
    n = 5
#       ^ error: `n` needs a type, this number has none
#       help: write `n = u32(5)`


@fn
def untyped_argument() -> None:
    take(3)
#        ^ error: argument `x` needs a typed value, this number has no type
#        note: expected `u32` because of this declaration: `u32` in `def take(x: u32) -> None:`
#        help: write `u32(3)`


@fn
def untyped_result() -> u64:
    return 7
#          ^ error: the result needs a typed value, this number has no type
#          note: expected `u64` because of this declaration: `u64` in `def untyped_result() -> u64:`
#          help: write `u64(7)`


@fn
def too_large(x: u8) -> u8:
    return x + 256
#              ^^^ error: 256 does not fit in `u8`
#              help: `u8` holds 0 to 0xff


@fn
def negative(x: u32) -> u32:
    return x + -1
#              ^^ error: -1 does not fit in `u32`
#              help: `u32` holds 0 to 0xffffffff


@fn
def conversion_too_large() -> u8:
    return u8(300)
#             ^^^ error: 300 does not fit in `u8`
#             help: `u8` holds 0 to 0xff


@fn
def untyped_arm(c: bool) -> u32:
    return u32(1) if c else 2
#                           ^ error: the arms of a conditional need a typed value
#                           help: write `u32(2)`


@fn
def mixed(a: u32, b: u64) -> u64:
    return a + b
#          ^^^^^ error: operand types of `+` differ: `u32` and `u64`
#          help: write `u64(...)`


@fn
def narrowing(b: u64) -> u32:
    return b
#          ^ error: the result: expected `u32`, found `u64`
#          note: expected `u32` because of this declaration: `u32` in `def narrowing(b: u64) -> u32:`
#          help: write `u32(...)`, or `u32.trunc(...)` for the low bits


@fn
def address_kinds(a: Gpa, b: Hpa) -> bool:
    return a == b
#          ^^^^^^ error: comparison of `Gpa` with `Hpa`


@fn
def address_sum(a: Gpa, b: Gpa) -> Gpa:
    return a + b
#              ^ error: `+` of `Gpa` takes a `u64`, not `Gpa`
#              help: addresses of different kinds do not mix


@fn
def signed_division(a: i32) -> i32:
    return a // 2
#          ^^^^^^ error: `//` is for unsigned integers, not `i32`
#          help: Python rounds down, machines do not


@fn
def true_division(a: u32) -> u32:
    return a / 2
#          ^^^^^ error: `a / 2`: this operator is not in the language
#          help: write `//`


@fn
def power(a: u32) -> u32:
    return a**2
#          ^^^^ error: `a ** 2`: this operator is not in the language


@fn
def negated(a: u32) -> u32:
    return -a
#          ^^ error: `-x` needs a signed type, not `u32`
#          help: write `u64(0).wrapping_sub(x)`


@fn
def wide_shift(a: u32) -> u32:
    return a << 32
#               ^^ error: `u32` cannot be shifted by 32


@fn
def untyped_shift(a: u32) -> u32:
    return 1 << a
#          ^ error: the left operand of `<<` has no type
#          help: write `u64(1)`


@fn
def truth_of_number(a: u32) -> None:
    if a:
#      ^ error: a condition is a bool, not `u32`
#      help: write `a != 0`
        pass


@fn
def float_number() -> None:
    x = 1.5
#       ^^^ error: there are no floating-point numbers in ring 0


@fn
def membership(a: u32) -> bool:
    return a in (1, 2)
#          ^^^^^^^^^^^ error: `in` is not in the language
#          help: write the comparisons out, or use `match`


@fn
def bad_range(a: u32, b: u64) -> None:
    for i in range(a, b):
#            ^^^^^^^^^^^ error: the ends of this range differ in type: `u32` and `u64`
        pass
