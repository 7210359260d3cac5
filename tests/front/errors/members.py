# ruff: noqa
# fmt: off
from codegen.lang import (
    Array, Atomic, BitStruct, Field, HwEnum, PortBlock, Reg, RO, WO, Struct, at, bit, bits, fn, ports, static, storage,
    storage_array, table, u8, u16, u32, u64,
)


class Kind(HwEnum, repr=u32):
    ONE = 1


class Entry(BitStruct, repr=u64):
    present: bool = bit(0)
    frame: u64 = bits(12, 51)


class Timer(Struct, size=32):
    deadline: Field[u64] = at(0)
    hits: Atomic[u32] = at(8)
    name: Array[u8] = at(16, count=8)


class Uart(PortBlock, size=8):
    data: Reg[u8] = at(0, access=WO)
    status: Reg[u8] = at(5, access=RO)


TIMER = storage(Timer)
POOL = storage_array(Timer, 4)
PRIMES = table(u32, [2, 3, 5])


@fn
def misspelt_field(t: Timer) -> u64:
    return t.deadlin
#            ^^^^^^^ error: `Timer` has no field `deadlin`
#            help: did you mean `deadline`?


@fn
def misspelt_name(deadline: u64) -> u64:
    return deadlin
#          ^^^^^^^ error: unknown name `deadlin`
#          help: did you mean `deadline`?


@fn
def misspelt_register(port: u16) -> u8:
    return ports(Uart, port).statu.read()
#                            ^^^^^ error: `Uart` has no register `statu`
#                            help: did you mean `status`?


@fn
def write_only(port: u16) -> u8:
    return ports(Uart, port).data.read()
#                                 ^^^^ error: `Uart.data` is write-only
#                                 note: because of this declaration: `at(0, access=WO)` in `data: Reg[u8] = at(0, access=WO)`


@fn
def read_only(port: u16) -> None:
    ports(Uart, port).status.write(0)
#                            ^^^^^ error: `Uart.status` is read-only
#                            note: because of this declaration: `at(5, access=RO)` in `status: Reg[u8] = at(5, access=RO)`


@fn
def wrong_width(port: u16, x: u32) -> None:
    ports(Uart, port).data.write(x)
#                                ^ error: the value of `Uart.data`: expected `u8`, found `u32`
#                                note: expected `u8` because of this declaration: `Reg[u8]` in `data: Reg[u8] = at(0, access=WO)`
#                                help: write `u8(...)`, or `u8.trunc(...)` for the low bits


@fn
def wrong_field_type(t: Timer, x: u32) -> None:
    t.deadline = x
#                ^ error: field `deadline`: expected `u64`, found `u32`
#                note: expected `u64` because of this declaration: `Field[u64]` in `deadline: Field[u64] = at(0)`
#                help: write `u64(...)`


@fn
def atomic_assigned(t: Timer) -> None:
    t.hits = 3
#     ^^^^ error: `hits` is atomic
#     help: write `t.hits.store(...)`


@fn
def struct_assigned(t: Timer) -> None:
    POOL[0] = t
#   ^^^^^^^ error: structs are not assigned
#   help: write `POOL[0].copy_from(...)`


@fn
def table_written() -> None:
    PRIMES[0] = 3
#   ^^^^^^^^^ error: a table is read-only


@fn
def constant_index() -> u32:
    return PRIMES[3]
#                 ^ error: index 3 is outside the array of 3


@fn
def bit_assigned(e: Entry) -> None:
    e.present = True
#   ^^^^^^^^^ error: `Entry` is a value, its fields are not assigned
#   help: write `e = e.replace(present=...)`


@fn
def misspelt_bit(e: Entry) -> Entry:
    return Entry(presnt=True)
#                ^^^^^^ error: `Entry` has no field `presnt`
#                help: did you mean `present`?


@fn
def wide_bit() -> Entry:
    return Entry(frame=1 << 40)
#                      ^^^^^^^ error: 1099511627776 does not fit in the 40 bits of `frame`


@fn
def enum_number() -> Kind:
    return Kind(1)
#          ^^^^^^^ error: `Kind` is not made by a call
#          help: `Kind.checked(x)` traps, `Kind.find(x)` may give None


@fn
def enum_order(k: Kind) -> bool:
    return k < Kind.ONE
#          ^^^^^^^^^^^^ error: `<` is not defined for `Kind`


@fn
def arguments(t: Timer) -> None:
    wrong_field_type(t)
#   ^^^^^^^^^^^^^^^^^^^ error: members.wrong_field_type: argument `x` is missing
#   note: `members.wrong_field_type` is declared here: `wrong_field_type` in `def wrong_field_type(t: Timer, x: u32) -> None:`
    wrong_field_type(t, x=u32(1), y=u32(3))
#                                 ^ error: members.wrong_field_type has no parameter `y`
#                                 note: `members.wrong_field_type` is declared here: `wrong_field_type` in `def wrong_field_type(t: Timer, x: u32) -> None:`
    wrong_field_type(t, u32(1), u32(2))
#                               ^^^^^^ error: members.wrong_field_type takes 2 arguments, 3 given
#                               note: `members.wrong_field_type` is declared here: `wrong_field_type` in `def wrong_field_type(t: Timer, x: u32) -> None:`


@fn
def run_time_static(n: u32) -> None:
    for i in static(n):
#                   ^ error: `n` has a value only when the program runs
        pass


@fn
def method_value(t: Timer) -> None:
    x = t.hits.load
#              ^^^^ error: `load` is a method: call it


@fn
def dead_arm_syntax() -> u32:
    if static(True):
        return u32(1)
    else:
        x = lambda: 1
#           ^^^^^^^^^ error: `lambda` is not in the language
#           help: define an `@fn`
        return u64(3)
