"""Interrupts and NMIs: delivered when they may be, and they wake a halted processor."""

from __future__ import annotations

from codegen.lang import Hpa, cli, cpuid, fn, intrinsic, mfence, mmio, rdtsc, sti, sti_hlt, u16, u32
from tests.guests.check import check, checks_of
from tests.guests.machine import FIRST_VECTOR, LOCAL_APIC, Apic, interrupt_done, send_nmi, timer_in
from tests.guests.trapped import TRAPPED

SHORT = 300  # ticks of 1.193 MHz: a quarter of a millisecond
PATIENCE = 2_000_000_000  # TSC ticks
SELF_FIXED = 0x0004_4000
VECTOR = 0x51


@intrinsic("sti; cpuid; cli", "={ax},={bx},={cx},={dx},{ax},{cx},~{memory}")
def sti_cpuid_cli(leaf: u32, subleaf: u32) -> tuple[u32, u32, u32, u32]:
    """An exit in the shadow of STI."""
    raise NotImplementedError


@fn
def wait_for(count: u32) -> bool:
    """Until so many interrupts have come, interrupts on; False when patience ends."""
    started = rdtsc()
    sti()
    while TRAPPED.interrupts < count and rdtsc() - started < PATIENCE:
        pass
    cli()
    return TRAPPED.interrupts == count


@check
@fn
def a_timer_interrupt_wakes_a_halted_processor() -> bool:
    before = TRAPPED.interrupts
    timer_in(u16(SHORT))
    sti_hlt()
    cli()
    interrupt_done()
    return TRAPPED.interrupts == before + 1 and TRAPPED.last_interrupt == FIRST_VECTOR


@check
@fn
def a_timer_interrupt_ends_a_loop() -> bool:
    before = TRAPPED.interrupts
    timer_in(u16(SHORT))
    came = wait_for(before + 1)
    interrupt_done()
    return came


@check
@fn
def an_interrupt_waits_until_it_is_allowed() -> bool:
    before = TRAPPED.interrupts
    timer_in(u16(SHORT))
    started = rdtsc()
    while rdtsc() - started < 1_000_000:
        cpuid(u32(0), u32(0))
    waited = TRAPPED.interrupts == before
    came = wait_for(before + 1)
    interrupt_done()
    return waited and came


@check
@fn
def an_exit_ends_the_shadow_of_sti() -> bool:
    before = TRAPPED.interrupts
    timer_in(u16(SHORT))
    started = rdtsc()
    while TRAPPED.interrupts == before and rdtsc() - started < PATIENCE:
        sti_cpuid_cli(u32(0), u32(0))
    interrupt_done()
    return TRAPPED.interrupts == before + 1


@check
@fn
def a_processor_interrupts_itself() -> bool:
    apic = mmio(Apic, Hpa(LOCAL_APIC))
    apic.spurious.write(u32(0x1FF))
    before = TRAPPED.interrupts
    apic.command.write(u32(SELF_FIXED | VECTOR))
    came = wait_for(before + 1)
    apic.eoi.write(u32(0))
    return came and TRAPPED.last_interrupt == VECTOR


@check
@fn
def an_nmi_comes_though_interrupts_are_off() -> bool:
    before = TRAPPED.nmis
    send_nmi()
    cpuid(u32(0), u32(0))
    return TRAPPED.nmis == before + 1


@check
@fn
def an_nmi_in_an_nmi_comes_right_behind_its_end() -> bool:
    before = TRAPPED.nmis
    TRAPPED.nmi_again = True
    send_nmi()
    mfence()
    return TRAPPED.nmis == before + 2


CHECKS = checks_of(globals())
