"""Memory that processors share, and translations that one changes under the others."""

from __future__ import annotations

from codegen.lang import (
    Array,
    Atomic,
    Field,
    Hpa,
    Hva,
    Struct,
    at,
    fn,
    invlpg,
    mfence,
    phys,
    range,
    read_cr3,
    storage,
    u32,
    u64,
    view_at,
)
from tests.guests.check import check, checks_of
from tests.guests.smp.apic import FIXED, TO_OTHERS, send
from tests.guests.smp.lock import LOCK
from tests.guests.smp.processor import COUNT, CPUS, Processor
from tests.guests.smp.task import all_answer, done, give, give_all, stop_all, task
from tests.guests.smp.trapped import SHOOTDOWN
from tests.guests.smp.vectors import VECTOR_SHOOTDOWN
from tests.guests.smp.wait import came, forget, reached, rest

ADDITIONS = 20_000
SLOTS = 4096
BATCHES = 8
FREE = 0x0100_0000  # above the kernel: page tables, then two pages that take turns
TABLES = FREE
PAGES = FREE + 0x4000
WINDOW = 0x80_0000_0000  # entry 1 of the PML4, otherwise empty
PRESENT_WRITABLE = 3
POISON = 0xDEAD_DEAD_DEAD_DEAD
ROUNDS = 200
READS = 200


class Shared(Struct, shared=True):
    counted: Atomic[u64]
    plain: Field[u64]  # under LOCK
    ready: Atomic[u32]
    both_zero: Field[u32]


class Litmus(Struct, shared=True):
    """A slot for each round, so that the two need not meet between rounds."""

    x: Array[u32] = at(0, count=SLOTS)
    y: Array[u32] = at(4 * SLOTS, count=SLOTS)
    saw_x: Array[u32] = at(8 * SLOTS, count=SLOTS)
    saw_y: Array[u32] = at(12 * SLOTS, count=SLOTS)


class Page(Struct, size=4096, shared=True):
    words: Array[u64] = at(0, count=512)


SHARED = storage(Shared)
LITMUS = storage(Litmus)


@fn
def add_all() -> None:
    for _ in range(u32(ADDITIONS)):
        SHARED.counted.fetch_add(1)
    for _ in range(u32(ADDITIONS // 10)):
        with LOCK:
            SHARED.plain += 1


@task
@fn
def add(own: Processor, argument: u64) -> u64:
    add_all()
    return u64(1)


@task
@fn
def write_x_read_y(own: Processor, argument: u64) -> u64:
    meet()
    for i in range(u32(SLOTS)):
        LITMUS.x[i] = 1
        mfence()
        LITMUS.saw_y[i] = LITMUS.y[i]
    return u64(1)


@task
@fn
def write_y_read_x(own: Processor, argument: u64) -> u64:
    meet()
    for i in range(u32(SLOTS)):
        LITMUS.y[i] = 1
        mfence()
        LITMUS.saw_x[i] = LITMUS.x[i]
    return u64(1)


@fn
def meet() -> None:
    """Begin together, as far as the host lets them."""
    SHARED.ready.fetch_add(1)
    tries = u32(0)
    while SHARED.ready.load() < 2:
        tries += 1
        if tries == 100_000:
            tries = u32(0)
            rest()


@task
@fn
def read_through_window(own: Processor, argument: u64) -> u64:
    """Until it is stopped: 1 when no word was ever poisoned, nor older than one read before."""
    page = view_at(Page, Hva(WINDOW))
    good = True
    last = u64(0)
    while not own.stop:
        for i in range(u32(READS)):
            word = page.words[i & 511]
            good = good and word != POISON and word >= last
            last = word
        own.step += 1
        rest()
    return u64(good)


@fn
def entry_of_window() -> Page:
    """The page table whose entry 0 maps WINDOW."""
    return phys(Page, Hpa(TABLES + 0x2000))


@fn
def make_window() -> None:
    top = phys(Page, Hpa(read_cr3() & ~0xFFF))
    phys(Page, Hpa(TABLES)).words[0] = TABLES + 0x1000 | PRESENT_WRITABLE
    phys(Page, Hpa(TABLES + 0x1000)).words[0] = TABLES + 0x2000 | PRESENT_WRITABLE
    top.words[1] = TABLES | PRESENT_WRITABLE


@fn
def page_of(round: u64) -> u64:
    """The physical address of the page that stands in the window in this round."""
    return u64(PAGES) + (round & 1) * 0x1000


@fn
def fill_page(round: u64, value: u64) -> None:
    page = phys(Page, Hpa(page_of(round)))
    for i in range(u32(512)):
        page.words[i] = value


@check
@fn
def locked_increments_of_all_processors_add_up() -> bool:
    SHARED.counted.store(0)
    SHARED.plain = 0
    give_all(u32(add.number), u64(0))
    add_all()
    whole = all_answer(u64(1))
    return whole and SHARED.counted.load() == COUNT * ADDITIONS and SHARED.plain == COUNT * (ADDITIONS // 10)


@check
@fn
def a_fence_keeps_a_store_before_the_load_behind_it() -> bool:
    holds = True
    for _ in range(u32(BATCHES)):
        for i in range(u32(SLOTS)):
            LITMUS.x[i] = 0
            LITMUS.y[i] = 0
        SHARED.ready.store(0)
        give(u32(1), u32(write_x_read_y.number), u64(0))
        give(u32(2), u32(write_y_read_x.number), u64(0))
        holds = holds and done(u32(1)) and done(u32(2))
        for i in range(u32(SLOTS)):
            holds = holds and not (LITMUS.saw_x[i] == 0 and LITMUS.saw_y[i] == 0)
    return holds


@check
@fn
def a_page_is_gone_when_all_have_acknowledged() -> bool:
    make_window()
    table = entry_of_window()
    fill_page(u64(0), u64(1))
    table.words[0] = page_of(u64(0)) | PRESENT_WRITABLE
    forget(u32(VECTOR_SHOOTDOWN))
    SHOOTDOWN.address = WINDOW
    give_all(u32(read_through_window.number), u64(0))
    whole = True
    for i in range(u32(1), u32(COUNT)):
        whole = reached(CPUS[i], u64(1)) and whole
    for round in range(u64(1), u64(ROUNDS + 1)):
        fill_page(round, round + 1)
        table.words[0] = page_of(round) | PRESENT_WRITABLE
        invlpg(Hva(WINDOW))
        send(u32(0), u32(FIXED | TO_OTHERS | VECTOR_SHOOTDOWN))
        for i in range(u32(1), u32(COUNT)):
            whole = came(CPUS[i], u32(VECTOR_SHOOTDOWN), u32.trunc(round)) and whole
        fill_page(round - 1, u64(POISON))
    stop_all()
    return all_answer(u64(1)) and whole


CHECKS = checks_of(globals())
