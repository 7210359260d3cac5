"""Functions whose three executions are compared: statements, memory, devices, calls; STATE is what they change."""

from __future__ import annotations

from typing import Any

from codegen.lang import (
    Array,
    Atomic,
    BitStruct,
    Field,
    Hpa,
    Hva,
    HwEnum,
    Local,
    MmioBlock,
    PortBlock,
    Reg,
    RegArray,
    Span,
    Struct,
    at,
    bit,
    bits,
    count,
    fn,
    fn_table,
    i8,
    i16,
    i32,
    i64,
    init,
    len,
    max,
    min,
    mmio,
    per_cpu,
    ports,
    range,
    span,
    span_of,
    static,
    storage,
    storage_array,
    table,
    u8,
    u16,
    u32,
    u64,
    usize,
)
from tests.random_programs.prelude import LOG, chosen, count_down, log, long_multiply


class Level(HwEnum, repr=u8):
    LOW = 1
    HIGH = 2
    TOP = 9


class Shade(HwEnum, repr=i16):
    DARK = -3
    LIGHT = 0


class Flags(BitStruct, repr=u64):
    on: bool = bit(0)
    shade: u8 = bits(1, 5)
    delta: i32 = bits(6, 20)
    wide: u64 = bits(21, 63)


class Row(Struct, size=12, align=1):
    key: Field[u16] = at(1)
    flag: Field[bool] = at(4)
    value: Field[u32] = at(7)


class State(Struct):
    a: Field[u32]
    b: Field[i16]
    level: Field[Level]
    shade: Atomic[Shade]
    known: Atomic[Level]
    hits: Atomic[u16]
    signed: Atomic[i8]
    ready: Atomic[bool]
    flags: Field[Flags]
    row: Row
    words: Array[u16] = count(5)
    rows: Array[Row] = count(3)
    next: Field[State | None]
    place: Field[Hva]


class Gate(Struct):
    depth: Field[u32]
    left: Field[u32]

    @fn
    def __enter__(self) -> u32:
        self.depth += 1
        return self.depth

    @fn
    def __exit__(self, *_: object) -> None:
        self.left = self.left * 2 + self.depth


class Processor(Struct):
    self_address: Field[Hva]
    number: Field[u32]
    list: Array[i16] = count(3)


class Window(MmioBlock, size=64):
    word: Reg[u32] = at(0)
    signed: Reg[i16] = at(8)
    level: Reg[Level] = at(12)
    flags: Reg[Flags] = at(16)
    ready: Reg[bool] = at(24)
    list: RegArray[u16] = at(32, count=4, stride=8)


class Bank(PortBlock, size=16):
    data: Reg[u8] = at(0)
    signed: Reg[i32] = at(4)
    list: RegArray[u16] = at(8, count=3)


class Bytes(Struct):
    content: Array[u8] = count(32)


STATE = storage(State)
OTHER = storage(State)
GATE = storage(Gate)
BYTES = storage(Bytes)
LONG = storage_array(u16, 300)
NUMBERS = table(i16, [-5, 7, 300])
ROWS = table(Row, [init(Row, key=5, value=7), init(Row, flag=True)])
TEXT = span(b"0123456789")
CPU = per_cpu(Processor)
WINDOW = mmio(Window, Hpa(0xFEC0_0000))
BANK = ports(Bank, u16(0x3F8))
CHANGED: tuple[Any, ...] = (STATE, OTHER, GATE, BYTES, LOG)


@fn
def note(a: u32) -> u32:
    STATE.a = STATE.a.wrapping_mul(3) ^ a
    return STATE.a


@fn
def orders(a: u32, b: u32) -> u64:
    x = u64(note(a)) - (u64(note(b)) & 0xFF)
    STATE.words[note(a) % 5] = u16.trunc(note(b))
    STATE.words[note(b) % 5] += u16.trunc(note(a)) & 0xF
    first, second = note(a), note(b)
    first, second = second, first
    return x ^ u64(joined(second=first, first=second)) + u64(min(note(a), note(b)) < note(a))


@fn
def picked(a: u32) -> State:
    return STATE if note(a) & 1 == 0 else OTHER


@fn
def orders_in_memory(a: u32, b: u32) -> u16:
    picked(a).a += note(b) >> 1
    picked(b).words[note(a) % 5] ^= u16.trunc(note(b))
    LONG[note(a) % 301] |= u16.trunc(note(b))
    LONG[note(b) % 301] = u16.trunc(note(a))
    picked(a).hits.store(u16.trunc(note(b)))
    if picked(b).hits.compare_exchange(u16.trunc(note(a)), u16.trunc(note(b))):
        note(a)
    picked(a).row.copy_from(picked(b).rows[note(a) % 4])
    return picked(a).hits.fetch_add(u16.trunc(note(b))) ^ picked(b).words[note(a) % 6]


@fn
def orders_of_operands(a: u32, b: u32) -> u64:
    if note(a) < note(b) <= note(a) or (note(a) == note(b) and note(b) != 3):
        note(a)
    flags = Flags.of(u64(note(a))).replace(shade=u8.trunc(note(b)) & 0x3F, delta=i32.trunc(note(a)) >> 16)
    both = note(a).rotate_left(note(b)) ^ note(a).saturating_sub(note(b)) ^ note(b).wrapping_mul(note(a))
    total = note(a).checked_add(note(b))
    chosen_one = note(a) if note(b) & 2 == 0 else note(b) // (note(a) % 3)
    if total is None:
        return u64(flags) ^ u64(note(b) << (note(a) % 33))
    return u64(both) + u64(total) + u64(chosen_one)


@fn
def orders_of_bytes(a: u32, b: u32) -> u8:
    whole = span_of(BYTES)
    whole[note(a) % 33] += u8.trunc(note(b)) & 3
    whole.slice(note(a) % 31, 4).copy_from(whole.slice(note(b) % 31, 4))
    whole.slice(note(a) % 31, note(b) % 3).fill(u8.trunc(note(a)))
    if whole.slice(note(a) % 32, note(b) % 3).equals(whole.slice(note(b) % 32, note(a) % 3)):
        note(b)
    row = whole.view(note(a) % 24, Row)
    return whole[note(b) % 32] if row is None else u8.trunc(row.value)


@fn
def orders_of_devices(a: u32, b: u32) -> u32:
    WINDOW.list[note(a) % 5].write(u16.trunc(note(b)))
    BANK.list[note(b) % 4].write(u16.trunc(note(a)))
    moved = mmio(Window, Hpa(0xFEC0_0000) + u64(note(b) % 2 * 32))
    moved.word.write(u32(moved.list[note(a) % 4].read()))
    last = ports(Bank, u16.trunc(note(a)) | 0xFFF0)
    last.list[note(b) % 3].write(u16.trunc(last.signed.read()))
    return WINDOW.word.read() ^ u32(BANK.list[note(a) % 4].read())


@fn
def joined(first: u32, second: u32) -> u32:
    return (first >> 1) + (second >> 1)


@fn
def by_literals(a: u32, b: u32) -> i32:
    signed = i32.trunc(a)
    narrow = i8.trunc(b)
    return (signed << 3 >> 4) + i32(narrow << 2) - i32(-(narrow >> 1))


@fn
def scopes(a: u32, b: u32) -> u32:
    total = u32(0)
    for i in range(a % 6):
        with GATE as depth:
            if i == b % 7:
                continue
            if i == b % 5:
                break
            total += depth
            if total > 8:
                return total + note(a)
            assert i != b % 11
    return total


@fn
def loops(a: u32, b: u32) -> u64:
    total = u64(0)
    for i in range(i8.trunc(a), i8.trunc(b), 7):
        if i == 3:
            continue
        total = total.wrapping_mul(5).wrapping_add(u64.trunc(i))
        i = i8(0)
        if total % 13 == 5:
            break
    for k in static((3, 1, 2)):
        if total & 1 == 0:
            total += k
            continue
        if total % 5 == k:
            break
        total //= 2
    left = a % 9
    while left > 0 and total != 7:
        left -= 1
        for j in range(left):
            if j == b % 4:
                break
            total += u64(j)
    return total


@fn
def matches(a: u32, b: u32) -> u32:
    result = u32(7)
    match i16.trunc(a):
        case -1 | 0:
            result += 1
        case 1:
            result += b
        case 2 | 3:
            result = note(b)
        case _:
            result = result * 2
    match Level.checked(u8.trunc(b) & 3):
        case Level.LOW:
            result ^= 5
        case Level.HIGH | Level.TOP:
            result ^= 9
    return result


@fn
def static_arms(a: u32, b: u32) -> u32:
    if static(u16.bits == 16):
        return a // (b | 1)
    return b


@fn
def views(a: u32, b: u32) -> u32:
    BYTES.content[a % 32] = u8.trunc(b)
    row = span_of(BYTES).view(b % 40, Row)
    if row is None:
        return u32(0)
    row.value = row.value.wrapping_add(a)
    other = span_of(BYTES).view(a % 24, Row)
    if other is not None:
        other.copy_from(row)
        row.zero()
        return other.value + u32(other.flag) + u32(other.key)
    return u32(row.flag)


@fn
def bytes_of(a: u32, b: u32) -> bool:
    whole = span_of(BYTES)
    whole.slice(a % 20, b % 14).copy_from(TEXT.slice(0, b % 14))
    whole.slice(b % 9, 8).fill(u8.trunc(a))
    whole.slice(a % 5, 20).copy_from(whole.slice(b % 7, 20))
    whole[a % 33] = u8.trunc(b)
    return TEXT.slice(a % 4, b % 3).equals(whole.slice(b % 30, a % 3)) or len(whole) == usize(a) or odd(whole)


@fn
def odd(part: Span) -> bool:
    return len(part) > 0 and part[0] & 1 != 0


@fn
def atomics(a: u32, b: u32) -> u16:
    before = STATE.hits.fetch_add(u16.trunc(a)) ^ STATE.hits.fetch_sub(u16.trunc(b))
    before ^= STATE.hits.fetch_or(u16.trunc(b)) ^ STATE.hits.fetch_and(u16.trunc(a))
    STATE.signed.store(STATE.signed.fetch_sub(i8.trunc(a)))
    STATE.hits.store_release(STATE.hits.load() ^ u16.trunc(b))
    if STATE.ready.exchange(a > b) != STATE.ready.compare_exchange(True, a == 3):
        before += 1
    if STATE.shade.compare_exchange(Shade.LIGHT, Shade.DARK):
        before ^= u16.trunc(STATE.shade.exchange(Shade.LIGHT))
    return before ^ STATE.hits.exchange(u16.trunc(b)) ^ STATE.hits.load()


@fn
def unknown_members(a: u32, b: u32) -> bool:
    changed = STATE.known.compare_exchange(Level.LOW, Level.TOP)
    if a % 3 == 0:
        return STATE.known.exchange(Level.HIGH) == Level.LOW
    STATE.known.store(Level.HIGH)
    return changed or STATE.known.load() == Level.TOP or STATE.level == Level.LOW


@fn
def bit_fields(a: u32, b: u32) -> i64:
    flags = Flags.of(u64(a) << 32 | u64(b)).replace(shade=u8.trunc(a), on=b > a)
    STATE.flags = flags.replace(delta=i32.trunc(b) >> 17, wide=flags.wide >> 1)
    again = STATE.flags
    if again == flags:
        return i64(0)
    return i64(again.delta) + i64(again.shade) + i64.trunc(Flags(delta=i32.trunc(a)))


@fn
def registers_of_memory(a: u32, b: u32) -> i32:
    WINDOW.word.write(a)
    WINDOW.list[b % 5].write(u16.trunc(a))
    WINDOW.signed.write(i16.trunc(b))
    WINDOW.flags.write(WINDOW.flags.read().replace(on=WINDOW.ready.read()))
    WINDOW.ready.write(a > b)
    if WINDOW.word.read() % 8 == 0:
        WINDOW.level.write(WINDOW.level.read())
    return i32(WINDOW.signed.read()) + i32(WINDOW.list[a % 4].read())


@fn
def registers_of_ports(a: u32, b: u32) -> i64:
    BANK.data.write(u8.trunc(a))
    BANK.signed.write(i32.trunc(b))
    BANK.list[a % 4].write(BANK.list[b % 3].read())
    return i64(BANK.signed.read()) - i64(BANK.data.read())


@fn
def this_processor(a: u32, b: u32) -> i16:
    CPU.current.number += a >> 1
    CPU.here().list[b % 4] = i16.trunc(CPU.current.number)
    return CPU.current.list[a % 3]


@fn
def doubled(a: u32) -> u32:
    return note(a) * 2


@fn
def halved(a: u32) -> u32:
    return note(a) // 2


HANDLERS = fn_table([doubled, halved, note], default=note, size=6)


@fn
def dispatched(a: u32, b: u32) -> u32:
    return HANDLERS[a % 8](note(b)) + HANDLERS[u8.trunc(b) & 7](a // (b % 6))


@fn
def several(a: u32, b: u32) -> tuple[u32 | None, bool, i64 | Level]:
    if a > b:
        return None, a == 3, Level.HIGH
    return a.checked_mul(b), False, i64(b) - i64(a)


@fn
def taken_apart(a: u32, b: u32) -> u64:
    number, flag, result = several(a, b)
    low, high = long_multiply(u64(a) << 20, u64(b) << 20)
    if isinstance(result, Level):
        return u64(result) + high
    if number is None:
        return low if flag else u64.trunc(result)
    return u64(number) ^ low


@fn
def references(a: u32, b: u32) -> u32:
    STATE.next = OTHER if a % 3 == 0 else STATE
    OTHER.next = STATE
    if b % 2 == 0:
        OTHER.next = None
    found = STATE.next
    if found is None or found is STATE:
        return u32(1)
    further = found.next
    local = Local(State)
    local.a = a
    local.rows[b % 3].value = a + b
    found.row.copy_from(local.rows[a % 3])
    return u32(0) if further is None else further.a + local.rows[b % 3].value


@fn
def locals_in_loops(a: u32, b: u32) -> u32:
    first: State | None = None
    total = u32(0)
    for i in range(a % 4):
        one = Local(State)
        total += one.a
        one.a = i + 1
        if first is None:
            first = one
        total += first.a
    for k in static((1, 2, 3)):
        one = Local(State)
        one.a = (b & 0xFF) + k
        if first is None:
            first = one
        total += first.a
    for kind in static((Row, State)):
        span_of(Local(kind)).fill(u8.trunc(b))
    return total


@fn
def tables(a: u32, b: u32) -> i32:
    LONG[a % 301] = u16.trunc(b)
    return i32(NUMBERS[b % 4]) + i32(LONG[u8.trunc(a)]) + i32.trunc(ROWS[a % 2].value) + i32(ROWS[b % 3].flag)


@fn
def written(a: u32, b: u32) -> None:
    log(f"{a} {a:#x}|{b:08x}|{b:#012x}|{i32.trunc(a):7}|{a:3}|{a > b} {Shade.DARK}{TEXT}{i8.trunc(b)}")


@fn
def given_up(a: u32, b: u32) -> u32:
    if a % 4 == 1:
        count_down(b % 6)
    return chosen(max(a, b), a > b)


@fn
def below_their_object(a: u32, b: u32) -> u8:
    BYTES.content[0] = u8.trunc(a)
    # fmt: off
    part = span_of(BYTES).slice(a % 3,
        8).slice(b % 7, 4)
    STATE.rows[a %
        4].flag = STATE.rows[b %
        4].flag
    if a % 4 == 0 and STATE.words[b %
        5] == 0 and picked(
        b).level == Level.LOW:
        return u8(0)
    # fmt: on
    return part[b % 5]


@fn
def asserted(a: u32, b: u32) -> u32:
    assert a != b, "equal"
    assert (a != 2
        and b != 3)  # fmt: skip
    return (
        (a >> 1)
        + (b >> 1)
        + note(
            a + b,
        )
    )


FUNCTIONS: list[tuple[Any, Any]] = [
    (u32, function)
    for function in (
        orders, orders_in_memory, orders_of_operands, orders_of_bytes, orders_of_devices,
        by_literals, scopes, loops, matches, static_arms, views, bytes_of, atomics, unknown_members,
        bit_fields, registers_of_memory, registers_of_ports, this_processor, dispatched, several, taken_apart,
        references, locals_in_loops, tables, written, given_up, below_their_object, asserted,
    )
]  # fmt: skip
