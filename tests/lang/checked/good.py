"""A tour of the language: both type checkers accept every line, and it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Never, TypeVar

from codegen.lang import (
    RO,
    WO,
    Array,
    Atomic,
    BitStruct,
    Field,
    Gpa,
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
    TextSink,
    address_of,
    at,
    bind,
    bit,
    bits,
    contract,
    count,
    fn,
    fn_table,
    host,
    i32,
    i64,
    implements,
    init,
    intrinsic,
    len,
    min,
    mmio,
    overlay,
    pause,
    per_cpu,
    phys,
    phys_span,
    ports,
    range,
    registers,
    sizeof,
    span,
    static,
    storage,
    storage_array,
    stub,
    table,
    u8,
    u16,
    u32,
    u64,
    usize,
)

T = TypeVar("T", bound=Struct)


class Fault(HwEnum, repr=u32, must_use=True):
    NO_MEMORY = 1
    OUT_OF_RANGE = 2


class ExitReason(HwEnum, repr=u32):
    CPUID = 10
    HLT = 12


class Pte(BitStruct, repr=u64):
    present: bool = bit(0)
    writable: bool = bit(1)
    frame: u64 = bits(12, 51)


class PageTable(Struct, size=4096, align=4096):
    entries: Array[Pte] = at(0, count=512)


class Lapic(MmioBlock, size=0x1000):
    id: Reg[u32] = at(0x20, access=RO)
    eoi: Reg[u32] = at(0xB0, access=WO)
    isr: RegArray[u32] = at(0x100, count=8, stride=16, access=RO)


class Ns16550(PortBlock, size=8):
    data: Reg[u8] = at(0)
    line_status: Reg[u8] = at(5, access=RO)


class SpinLock(Struct):
    held: Atomic[u32]

    @fn
    def __enter__(self) -> None:
        while self.held.exchange(1) != 0:
            pause()

    @fn
    def __exit__(self, *_: object) -> None:
        self.held.store(0)


class Registers(Struct):
    rax: Field[u64]
    rip: Field[u64]


class Timer(Struct):
    deadline: Field[u64]
    owner: Field[Vcpu | None]
    reason: Field[ExitReason]
    armed: Field[bool]
    name: Array[u8] = count(8)
    regs: Registers
    lock: SpinLock
    hits: Atomic[u64]
    base: Field[Gpa]
    flags: Field[Pte]
    ring: Array[Registers] = count(4)

    @fn
    def arm(self, when: u64) -> u32:
        with self.lock:
            if when < self.deadline + 5:
                return u32(0)
            self.deadline = 0
            self.deadline = when & ~0xFFF
            self.hits.fetch_add(1)
            self.name[0] = 0x41
            self.ring[1].rax = when
        return u32(1)


class Vcpu(Struct):
    timer: Timer
    next: Field[Vcpu | None]


class CpuState(Struct):
    self_address: Field[Hva]
    number: Field[u32]


class Leaf(Struct, size=8):
    eax: Field[u32] = at(0)
    ebx: Field[u32] = at(4)


@dataclass(frozen=True)
class Pool(Generic[T]):
    get: Callable[[u32], T]
    capacity: int


def make_pool(element: type[T], capacity: int) -> Pool[T]:
    """A fixed number of elements."""
    memory = storage_array(element, capacity)

    @fn(where={"T": element})
    def get(index: u32) -> T:
        return memory[index]

    return Pool(get, capacity)


STATE = storage(Vcpu)
TIMERS = make_pool(Timer, 8)
CPU = per_cpu(CpuState)
SQUARES = table(u32, [n * n for n in (0, 1, 2, 3)])
LEAVES = table(Leaf, [init(Leaf, eax=1), init(Leaf, ebx=u32(2))])
BANNER = span(b"keelback")
MASK = 0xFF


@fn
def write_piece(piece: Span) -> None:
    WRITTEN.hits.fetch_add(u64(len(piece)))


@fn
def write_unsigned(value: u64, base: u32, width: u32, flags: u32) -> None:
    WRITTEN.hits.fetch_add(value + u64(base) + u64(width) + u64(flags))


@fn
def write_signed(value: i64, width: u32) -> None:
    if value < 0:
        WRITTEN.hits.fetch_add(u64(width))


@fn
def nothing() -> None:
    pass


WRITTEN = storage(Timer)
log = TextSink(begin=nothing, text=write_piece, unsigned=write_unsigned, signed=write_signed, end=nothing)
panic = TextSink(
    begin=nothing, text=write_piece, unsigned=write_unsigned, signed=write_signed, end=nothing, noreturn=True
)


@fn
def on_cpuid(vcpu: Vcpu, qualification: u64) -> u32:
    vcpu.timer.regs.rip = vcpu.timer.regs.rip + 2
    return u32.trunc(qualification)


@fn
def on_unknown(vcpu: Vcpu, qualification: u64) -> u32:
    log(f"exit {qualification:#x} of {vcpu.timer.reason}")
    return u32(0xFFFF)


HANDLERS = fn_table({ExitReason.CPUID: on_cpuid}, default=on_unknown, size=16)


@intrinsic("nop", "~{memory}")
def nop(value: u32) -> u64:
    return u64(host.cpu.rdmsr(int(value)))


@stub("ret", externals=("handle_exit",), bits=64, constants={"RIP": Registers.rip.offset})
def enter(vcpu: Vcpu) -> u32: ...


@contract
def vcpu_run(vcpu: Vcpu) -> u32: ...


@implements(vcpu_run)
@fn
def vmx_run(vcpu: Vcpu) -> u32:
    return HANDLERS[ExitReason.CPUID](vcpu, u64(7))


@fn
def allocate(owner: u32) -> u64 | Fault:
    if owner > 4:
        return Fault.NO_MEMORY
    return u64(owner)


@fn
def twice(owner: u32) -> u64 | Fault:
    first = allocate(owner)
    if isinstance(first, Fault):
        return first
    return first * 2


@fn
def last(head: Vcpu) -> Vcpu:
    current = head
    following = current.next
    while following is not None:
        current = following
        following = current.next
    return current


@fn
def entry_of(tables: PageTable, address: Gpa, index: usize) -> tuple[bool, u64]:
    entry = tables.entries[index]
    if not entry.present:
        tables.entries[index] = Pte(present=True, frame=u64(address) >> 12)
    entry = tables.entries[index].replace(writable=True)
    return entry.writable, u64(entry) & MASK


@fn
def sums(n: u32, reason: ExitReason, here: Gpa, there: Gpa) -> u64:
    total = u64(0)
    for i in range(n):
        total += u64(i)
    for k in range(4):
        total = total + u64(SQUARES[k])
    for shift in static((1, 2, 3)):
        total = total | u64(1) << shift
    match reason:
        case ExitReason.CPUID:
            total += 1
        case ExitReason.HLT:
            total = total.wrapping_sub(1)
    sum_or_none = total.checked_add(there - here)
    if sum_or_none is None:
        return u64(0)
    return min(sum_or_none, 1000) if here < there else total // 2 % 7


@fn
def devices(apic: Lapic, uart: Ns16550) -> u32:
    apic.eoi.write(0)
    uart.data.write(u8(0x41))
    if uart.line_status.read() & 0x20 == 0:
        return apic.isr[3].read()
    return apic.id.read() >> 24


@fn
def memory_views(page: Hpa) -> u64:
    tables = phys(PageTable, page)
    bytes_ = phys_span(page, 4096)
    bytes_[0] = 0x12
    view = bytes_.view(8, Registers)
    if view is None:
        return u64(0)
    scratch = Local(Registers)
    scratch.copy_from(view)
    first = overlay(Registers, TIMERS.get(u32(0)).ring[0])
    if scratch is first:
        return u64(1)
    return u64(tables.entries[0]) + u64(address_of(tables) & ~0xFFF) - u64(address_of(tables)) + u64(len(BANNER))


@fn
def current_cpu(limit: i32) -> u32:
    if -limit < 0:
        return CPU.current.number
    return CPU.here().number + u32(sizeof(Leaf)) + u32(Leaf.ebx.offset) + u32(len(LEAVES))


@fn(export="trap")
def trap(site: u32) -> Never:
    panic(f"trap {site}")


def choose() -> None:
    """What a test does before it runs vendor-neutral code."""
    bind(vcpu_run, vmx_run)
    assert registers(Ns16550)[1].width == Ns16550.data.width == 1
    mmio(Lapic, Hpa(0xFEE0_0000))
    ports(Ns16550, u16(0x3F8))
