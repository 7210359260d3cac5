# ruff: noqa
# fmt: off
from codegen.lang import (
    Array, BitStruct, Field, Gpa, Hpa, HwEnum, Struct, bit, bits, count, fn, fn_table, span, storage, table, u8, u32, u64, usize,
)


class Mode(HwEnum, repr=u32):
    USER = 0
    SYSTEM = 1


class Flags(BitStruct, repr=u64):
    ready: bool = bit(0)
    mode: Mode = bits(1, 2)


class Timer(Struct):
    deadline: Field[u64]
    names: Array[u8] = count(8)

    @fn
    def arm(self, when: u64) -> None:
        self.deadline = when

    @fn
    def nothing() -> None:
        pass

    @fn
    def number(self: u32) -> u32:
        return self


TIMER = storage(Timer)


@fn
def translate(gpa: Gpa, length: u32) -> u64:
    return u64(gpa) + u64(length)


@fn
def other(gpa: Gpa) -> u64:
    return u64(gpa)


def plain(x: int) -> int:
    return x


HANDLERS = fn_table([translate, other])
NOTHING = fn_table([])


@fn
def argument_types(a: Hpa, b: u64) -> u64:
    return translate(a, b)
#                    ^ error: argument `gpa`: expected `Gpa`, found `Hpa`
#                    note: expected `Gpa` because of this declaration: `Gpa` in `def translate(gpa: Gpa, length: u32) -> u64:`
#                       ^ error: argument `length`: expected `u32`, found `u64`
#                       note: expected `u32` because of this declaration: `u32` in `def translate(gpa: Gpa, length: u32) -> u64:`
#                       help: write `u32(...)`, or `u32.trunc(...)` for the low bits


@fn
def keyword_type(a: Gpa, b: u64) -> u64:
    return translate(a, length=b)
#                              ^ error: argument `length`: expected `u32`, found `u64`
#                              note: expected `u32` because of this declaration: `u32` in `def translate(gpa: Gpa, length: u32) -> u64:`
#                              help: write `u32(...)`, or `u32.trunc(...)` for the low bits


@fn
def untyped_keyword(a: Gpa) -> u64:
    return translate(gpa=a, length=16)
#                                  ^^ error: argument `length` needs a typed value, this number has no type
#                                  note: expected `u32` because of this declaration: `u32` in `def translate(gpa: Gpa, length: u32) -> u64:`
#                                  help: write `u32(16)`


@fn
def given_twice(a: Gpa) -> u64:
    return translate(a, gpa=a, length=u32(1))
#                       ^^^ error: parameter `gpa` is given twice
#                       note: `calls.translate` is declared here: `translate` in `def translate(gpa: Gpa, length: u32) -> u64:`


@fn
def misspelt_keyword(a: Gpa) -> u64:
    return translate(a, lenght=u32(1))
#                       ^^^^^^ error: calls.translate has no parameter `lenght`
#                       note: `calls.translate` is declared here: `translate` in `def translate(gpa: Gpa, length: u32) -> u64:`
#                       help: did you mean `length`?


@fn
def star_argument(a: Gpa) -> u64:
    return translate(*a, length=u32(1))
#                    ^^ error: star arguments are not in the language
#                    help: name every argument


@fn
def star_keywords(a: Gpa) -> u64:
    return translate(a, **a)
#                       ^^^ error: star arguments are not in the language
#                       help: name every argument


@fn
def nobody(a: Gpa) -> u64:
    return translate()
#          ^^^^^^^^^^^ error: calls.translate: arguments `gpa`, `length` are missing
#          note: `calls.translate` is declared here: `translate` in `def translate(gpa: Gpa, length: u32) -> u64:`


@fn
def misspelt_method(t: Timer) -> None:
    t.am(u64(3))
#     ^^ error: `Timer` has no method `am`
#     help: did you mean `arm`?


@fn
def method_not_called(t: Timer) -> None:
    t.arm
#     ^^^ error: method `arm` is not called
#     help: functions are no values; call it, or use fn_table


@fn
def method_argument(t: Timer, x: u32) -> None:
    t.arm(x)
#         ^ error: argument `when`: expected `u64`, found `u32`
#         note: expected `u64` because of this declaration: `u64` in `def arm(self, when: u64) -> None:`
#         help: write `u64(...)`


@fn
def method_without_self(t: Timer) -> None:
    t.nothing()
#     ^^^^^^^ error: calls.Timer.nothing takes no `self`
#     note: `calls.Timer.nothing` is declared here: `nothing` in `def nothing() -> None:`


@fn
def method_of_a_number(t: Timer) -> u32:
    return t.number()
#            ^^^^^^ error: the first parameter of calls.Timer.number is `u32`, not `Timer`
#            note: `calls.Timer.number` is declared here: `number` in `def number(self: u32) -> u32:`
#            help: leave out the annotation of `self`


@fn
def misspelt_integer_method(x: u32) -> u32:
    return x.wraping_add(u32(1))
#            ^^^^^^^^^^^ error: `u32` has no method `wraping_add`
#            help: did you mean `wrapping_add`?


@fn
def method_of_perhaps_nothing(x: u32) -> u32:
    return x.checked_add(1).count_ones()
#                           ^^^^^^^^^^ error: this may be None, which has no `count_ones`
#                           help: bind it to a local and test that with `is None` first


@fn
def member_of_a_number(x: u32) -> u32:
    return x.value
#            ^^^^^ error: `u32` has no `value`


@fn
def misspelt_function(a: Gpa) -> u64:
    return tranlate(a, u32(1))
#          ^^^^^^^^ error: unknown name `tranlate`
#          help: did you mean `translate`?


@fn
def not_imported(a: u64) -> u32:
    return u16(a)
#          ^^^ error: unknown name `u16`
#          help: `from codegen.lang import u16`


@fn
def calls_a_number(a: u32) -> u32:
    return a(u32(1))
#          ^^^^^^^^^ error: `u32` cannot be called


@fn
def calls_plain_python() -> u32:
    return plain(3)
#          ^^^^^^^^ error: `plain` is no `@fn`
#          help: `static(...)` evaluates a call at build time


@fn
def python_min(a: u32) -> u32:
    return min(a, u32(3))
#          ^^^^^^^^^^^^^^ error: this is Python's own `min`
#          help: `from codegen.lang import min`


@fn
def to_bool(a: u32) -> bool:
    return bool(a)
#          ^^^^^^^ error: there is no conversion to bool
#          help: write a comparison, such as `x != 0`


@fn
def makes_a_struct() -> None:
    t = Timer()
#       ^^^^^^^ error: `Timer` is a reference to memory
#       help: `Local(Timer)`, or `storage(Timer)` at module level


@fn
def bits_by_position() -> Flags:
    return Flags(True)
#          ^^^^^^^^^^^ error: fields of `Flags` are named
#          help: `Flags(name=value)`, or `Flags.of(...)` of its integer


@fn
def misspelt_bit_keyword(f: Flags) -> Flags:
    return f.replace(redy=True)
#                    ^^^^ error: `Flags` has no field `redy`
#                    help: did you mean `ready`?


@fn
def bit_of_the_wrong_type(f: Flags, x: u32) -> Flags:
    return f.replace(mode=x)
#                         ^ error: field `mode`: expected `Mode`, found `u32`
#                         note: expected `Mode` because of this declaration: `Mode` in `mode: Mode = bits(1, 2)`


@fn
def star_bits(f: Flags) -> Flags:
    return f.replace(**f)
#                    ^^^ error: star arguments are not in the language


@fn
def too_many(t: Timer) -> None:
    t.zero(u32(1))
#   ^^^^^^^^^^^^^^ error: t.zero takes 0 positional arguments


@fn
def misspelt_member() -> Mode:
    return Mode.SYSTM
#               ^^^^^ error: `Mode` has no `SYSTM`
#               help: did you mean `SYSTEM`?


@fn
def find_by_the_wrong_width(x: u64) -> Mode:
    return Mode.checked(x)
#                       ^ error: the argument of Mode.checked: expected `u32`, found `u64`
#                       help: write `u32(...)`, or `u32.trunc(...)` for the low bits


@fn
def differing_handlers(a: Gpa) -> u64:
    return HANDLERS[0](a)
#          ^^^^^^^^^^^^^^ error: this table's functions differ in signature: calls.translate and calls.other
#          note: `calls.translate` is declared here: `translate` in `def translate(gpa: Gpa, length: u32) -> u64:`
#          note: `calls.other` is declared here: `other` in `def other(gpa: Gpa) -> u64:`


@fn
def no_handlers(a: Gpa) -> u64:
    return NOTHING[0](a)
#          ^^^^^^^^^^^^^ error: this function table is empty


@fn
def no_result() -> None:
    x = TIMER.arm(u64(1))
#       ^^^^^^^^^^^^^^^^^ error: this call gives no result


@fn
def function_as_value() -> None:
    x = translate
#       ^^^^^^^^^ error: a local cannot hold a build-time object


@fn
def build_time_argument(a: Gpa) -> u64:
    return translate(a, translate)
#                       ^^^^^^^^^ error: argument `length`: expected `u32`, found `translate`, which is known only at build time
#                       note: expected `u32` because of this declaration: `u32` in `def translate(gpa: Gpa, length: u32) -> u64:`


@fn
def two_mistakes_in_one_call(a: Hpa, b: u64) -> u64:
    return translate(gpa=a, length=b)
#                        ^ error: argument `gpa`: expected `Gpa`, found `Hpa`
#                        note: expected `Gpa` because of this declaration: `Gpa` in `def translate(gpa: Gpa, length: u32) -> u64:`
#                                  ^ error: argument `length`: expected `u32`, found `u64`
#                                  note: expected `u32` because of this declaration: `u32` in `def translate(gpa: Gpa, length: u32) -> u64:`
#                                  help: write `u32(...)`, or `u32.trunc(...)` for the low bits
