# ruff: noqa
# fmt: off
from codegen.lang import Array, Field, HwEnum, Struct, count, fn, range, static, table, u8, u32, u64


class Mode(HwEnum, repr=u32):
    USER = 0
    SYSTEM = 1


class Node(Struct):
    bytes: Array[u8] = count(8)


TABLE = table(u32, [1, 2, 3])
PAIRS = ((1, 2), (3, 4))


@fn
def static_number() -> None:
    if static(3):
#      ^^^^^^^^^ error: a condition is a bool, not `int`
        pass


@fn
def match_of_a_struct(n: Node) -> None:
    match n:
#         ^ error: `match` is for integers and enums, not `Node`
        case _:
            pass


@fn
def guarded(m: Mode) -> None:
    match m:
        case Mode.USER if True:
#                         ^^^^ error: guards are not in the language
#                         help: write an `if` inside the case
            pass


@fn
def case_of_another_type(m: Mode) -> None:
    match m:
        case TABLE.count:
#                  ^^^^^ error: `Array[u32]` has no `count`
            pass


@fn
def case_at_run_time(m: u32, n: Node) -> None:
    match m:
        case n.bytes:
#            ^^^^^^^ error: a case of `u32` is a constant of that type, not `Array[u8]`
            pass


@fn
def case_number(m: u8) -> None:
    match m:
        case 256:
#            ^^^ error: 256 does not fit in `u8`
#            help: `u8` holds 0 to 0xff
            pass


@fn
def misspelt_case(m: Mode) -> None:
    match m:
        case Mode.USR:
#                 ^^^ error: `Mode` has no `USR`
#                 help: did you mean `USER`?
            pass


@fn
def pattern(m: Mode) -> None:
    match m:
        case [a, b]:
#            ^^^^^^ error: this pattern is not in the language
#            help: cases are members, numbers and `_`
            pass


@fn
def over_an_array(n: Node) -> None:
    for b in n.bytes:
#            ^^^^^^^ error: arrays are not iterated
#            help: `for i in range(len(array)):`
        pass


@fn
def over_a_number(n: u32) -> None:
    for b in n:
#            ^ error: a loop goes over `range(...)` or `static(...)`
        pass


@fn
def two_variables(n: u32) -> None:
    for a, b in range(n):
#       ^^^^ error: the variable of a range is one name
        pass


@fn
def four_arguments(n: u32) -> None:
    for a in range(n, n, 1, 1):
#            ^^^^^^^^^^^^^^^^^ error: range takes one to three arguments
        pass


@fn
def step(n: u32) -> None:
    for a in range(u32(0), n, 0):
#                             ^ error: the step of a range is an untyped number of 1 or more
        pass


@fn
def range_of_enums(m: Mode) -> None:
    for a in range(m):
#            ^^^^^^^^ error: range takes integers, not `Mode`
        pass


@fn
def untyped_end(n: u8) -> None:
    for a in range(n, 300):
#                     ^^^ error: 300 does not fit in `u8`
#                     help: `u8` holds 0 to 0xff
        pass


@fn
def two_static_values() -> None:
    for a in static(1, 2):
#            ^^^^^^^^^^^^ error: static takes one value
        pass


@fn
def static_number_iterated() -> None:
    for a in static(3):
#            ^^^^^^^^^ error: this cannot be iterated: 'int' object is not iterable
        pass


@fn
def bound_to_a_field(n: Node) -> None:
    for n.x in static(PAIRS):
#       ^^^ error: a loop binds names
        pass


@fn
def three_names() -> None:
    for a, b, c in static(PAIRS):
#       ^^^^^^^ error: 2 values for 3 names
        pass


@fn
def static_name() -> u32:
    return u32(static(PAIR[0]))
#                     ^^^^ error: unknown name `PAIR`
#                     help: did you mean `PAIRS`?


@fn
def static_failure() -> u32:
    return u32(static(PAIRS[0][7]))
#                     ^^^^^^^^^^^ error: this fails at build time: IndexError: tuple index out of range


@fn
def static_attribute() -> u32:
    return u32(static(PAIRS.cont))
#                           ^^^^ error: a tuple has no `cont`
#                           help: did you mean `count`?


@fn
def static_types() -> u32:
    return static(u32(1) + u64(2))
#                 ^^^^^^^^^^^^^^^ error: operand types of + differ: u32 and u64 (write a conversion)


@fn
def static_of_a_local(n: u32) -> u32:
    return static(n + 1)
#                 ^ error: `n` has a value only when the program runs


@fn
def loop_variable_type(n: u64) -> None:
    i = u32(0)
    for i in range(n):
#       ^ error: `i` is `u32`, not `u64`
#       note: `i` got the type `u32` here: `i` in `i = u32(0)`
#       help: a local has one type: use another name
        pass


@fn
def condition_of_while(n: u32) -> None:
    while n - 1:
#         ^^^^^ error: a condition is a bool, not `u32`
#         help: write `n - 1 != 0`
        n -= 1


@fn
def errors_in_both_arms(c: u32) -> None:
    if c:
#      ^ error: a condition is a bool, not `u32`
#      help: write `c != 0`
        c = u64(1)
#           ^^^^^^ error: `c` is `u32`, not `u64`
#           note: `c` got the type `u32` here: `c: u32` in `def errors_in_both_arms(c: u32) -> None:`
#           help: a local has one type: use another name
    else:
        c = u8(1)
#           ^^^^^ error: `c` is `u32`, not `u8`
#           note: `c` got the type `u32` here: `c: u32` in `def errors_in_both_arms(c: u32) -> None:`
#           help: a local has one type: use another name
