# ruff: noqa
from codegen.lang import Gpa, Hpa, fn, i32, range, u8, u32, u64


@fn
def take(x: u32) -> None:
    pass


@fn
def untyped_local() -> None:
    n = 5  # error: 'n' needs a type, this number has none  # help: `n = u32(5)`


@fn
def untyped_argument() -> None:
    take(3)  # error: argument 'x' needs a typed value, this number has no type  # help: `u32(3)`


@fn
def untyped_result() -> u64:
    return 7  # error: the result needs a typed value  # help: `u64(7)`


@fn
def too_large(x: u8) -> u8:
    return x + 256  # error: 256 does not fit in u8


@fn
def negative(x: u32) -> u32:
    return x + -1  # error: -1 does not fit in u32


@fn
def conversion_too_large() -> u8:
    return u8(300)  # error: 300 does not fit in u8


@fn
def untyped_arm(c: bool) -> u32:
    return u32(1) if c else 2  # error: the arms of a conditional need a typed value


@fn
def mixed(a: u32, b: u64) -> u64:
    return a + b  # error: operand types of `+` differ: u32 and u64


@fn
def narrowing(b: u64) -> u32:
    return b  # error: the result must be u32, not u64  # help: u32.trunc(...)


@fn
def address_kinds(a: Gpa, b: Hpa) -> bool:
    return a == b  # error: comparison of Gpa with Hpa


@fn
def address_sum(a: Gpa, b: Gpa) -> Gpa:
    return a + b  # error: `+` of Gpa takes a u64, not Gpa


@fn
def signed_division(a: i32) -> i32:
    return a // 2  # error: `//` is for unsigned integers, not i32


@fn
def true_division(a: u32) -> u32:
    return a / 2  # error: this operator is not in the language  # help: write `//`


@fn
def power(a: u32) -> u32:
    return a**2  # error: this operator is not in the language


@fn
def negated(a: u32) -> u32:
    return -a  # error: `-x` needs a signed type, not u32


@fn
def wide_shift(a: u32) -> u32:
    return a << 32  # error: u32 cannot be shifted by 32


@fn
def untyped_shift(a: u32) -> u32:
    return 1 << a  # error: the left operand of `<<` has no type


@fn
def truth_of_number(a: u32) -> None:
    if a:  # error: a condition is a bool, not u32  # help: `a != 0`
        pass


@fn
def float_number() -> None:
    x = 1.5  # error: there are no floating-point numbers in ring 0


@fn
def membership(a: u32) -> bool:
    return a in (1, 2)  # error: `in` is not in the language


@fn
def bad_range(a: u32, b: u64) -> None:
    for i in range(a, b):  # error: the ends of this range differ in type: u32 and u64
        pass
