"""Planted mistakes: both type checkers refuse every line that is marked, and no other."""

# ruff: noqa: F841

from __future__ import annotations

from codegen.lang import (
    Atomic,
    Gpa,
    Hpa,
    Local,
    Span,
    address_of,
    bind,
    fn,
    fn_table,
    implements,
    len,
    min,
    mmio,
    phys,
    ports,
    range,
    span,
    storage,
    storage_array,
    table,
    u8,
    u16,
    u32,
    u64,
    usize,
)
from tests.lang.checked.good import (
    STATE,
    TIMERS,
    ExitReason,
    Fault,
    Lapic,
    Ns16550,
    PageTable,
    Pte,
    Registers,
    Timer,
    Vcpu,
    allocate,
    enter,
    last,
    on_cpuid,
    panic,
    twice,
    vcpu_run,
)


@fn
def integers(narrow: u32, wide: u64) -> None:
    a = narrow + wide  # E
    b: u32 = 5  # E
    c: u64 = narrow  # E
    d = narrow / 2  # E
    e = -wide  # E
    f = narrow.wrapping_add(wide)  # E
    g: u32 = wide >> 3  # E
    h = narrow < wide  # E
    i = wide << "2"  # E
    j = min(narrow, wide)  # E
    k: int = narrow  # E
    m: u32 = narrow.checked_add(1)  # E


@fn
def structs(timer: Timer, vcpu: Vcpu, number: u32, wide: u64, reason: ExitReason) -> None:
    timer.deadline = number  # E
    timer.dedline = 0  # E
    timer.deadline = reason  # E
    timer.reason = 3  # E
    timer.armed = 1  # E
    timer.base = wide  # E
    timer.base = Hpa(4)  # E
    timer.owner = timer  # E
    timer.arm(3)  # E
    timer.arm(when=number)  # E
    timer.name[0] = wide  # E
    timer.name["x"] = 1  # E
    timer.hits = wide  # E
    timer.hits.fetch_add(number)  # E
    timer.flags = wide  # E
    timer.regs.rsi = 0  # E
    timer.copy_from(vcpu)  # E
    following: Vcpu = vcpu.next  # E
    vcpu.next.timer.armed = True  # E
    spare: Timer = Local(Registers)  # E
    element: Timer = TIMERS.get(wide)  # E


@fn
def addresses(guest: Gpa, machine: Hpa, wide: u64) -> None:
    a = guest + machine  # E
    b = guest == machine  # E
    c: Gpa = guest - guest  # E
    d = guest < 5  # E
    e: u64 = guest  # E
    f = Gpa(machine)  # E
    g = phys(PageTable, guest)  # E
    h = address_of(wide)  # E


@fn
def devices(apic: Lapic, uart: Ns16550, wide: u64) -> None:
    apic.eoi.write(wide)  # E
    apic.eio.write(0)  # E
    uart.data.write(u16(3))  # E
    x: u32 = uart.data.read()  # E
    apic.isr[0].write(wide)  # E
    mmio(Ns16550, Hpa(0))  # E
    ports(Ns16550, Hpa(0))  # E


@fn
def bit_structs(entry: Pte, tables: PageTable, wide: u64) -> None:
    a = Pte(presnt=True)  # E
    b = Pte(frame=u32(3))  # E
    entry.present = True  # E
    tables.entries[0] = wide  # E
    c = entry + 1  # E


@fn
def results(owner: u32) -> u64:
    a = allocate(owner) + 1  # E
    b: u64 = twice(owner)  # E
    return twice(owner)  # E


@fn
def counted(text: Span) -> u32:
    for i in range(len(text)):
        j: u32 = i  # E
    text[0] = u32(3)  # E
    k: u32 = len(text)  # E
    part: Span = text.view(0, Registers)  # E
    return usize(3)  # E


@fn
def enums(timer: Timer, reason: ExitReason, fault: Fault) -> ExitReason:
    timer.reason = fault  # E
    timer.reason = ExitReason.CPUDI  # E
    a = u32(reason) + fault  # E
    b: ExitReason = ExitReason.checked(u64(3)) if timer.armed else fault  # E
    c: ExitReason = ExitReason.find(u32(10))  # E
    return fault  # E


@fn
def calls(timer: Timer, vcpu: Vcpu, page: PageTable, guest: Gpa) -> None:
    last(timer)  # E
    timer.arm()  # E
    timer.arm(u64(1), u64(2))  # E
    timer.arm(whne=u64(1))  # E
    vcpu_run(timer)  # E
    phys(PageTable, Hpa(guest))  # E
    address_of(page) - guest  # E
    vcpu.timer.disarm()  # E


@fn
def no_result_on_one_way(number: u32) -> u32:  # E
    if number > 3:
        return number


@fn
def without_the_test(vcpu: Vcpu, owner: u32) -> u64:
    following = vcpu.next
    a = following.timer  # E
    allocated = allocate(owner)
    if isinstance(allocated, Fault):
        return allocated  # E
    return allocated


@implements(vcpu_run)  # E
@fn
def run_with_another_signature(vcpu: Vcpu) -> u64:
    return u64(0)


@implements(vcpu_run)  # E
@fn
def run_with_another_struct(timer: Timer) -> u32:
    return u32(0)


def build_time() -> None:
    fn_table([on_cpuid], default=u64(3))  # E
    bind(vcpu_run, on_cpuid)  # E
    enter(TIMERS)  # E
    table(u8, ["x"])  # E
    cells: Atomic[u32] = storage(Vcpu).timer.hits  # E
    numbers: u64 = storage_array(u64, 4)  # E
    words: Span = b"text"  # E
    name: str = span(b"x")  # E
    STATE.timer.deadline = "soon"  # E
    panic(3)  # E
