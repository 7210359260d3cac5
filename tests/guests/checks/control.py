"""Control registers: what is kept, what faults."""

from __future__ import annotations

from codegen.lang import (
    fn,
    intrinsic,
    read_cr0,
    read_cr3,
    read_cr4,
    read_cr8,
    u32,
    u64,
    wbinvd,
    write_cr0,
    write_cr3,
    write_cr4,
    write_cr8,
)
from tests.guests.check import check, checks_of
from tests.guests.trapped import came, expect, nothing_came

CR0_TS, CR0_AM, CR0_CD = 1 << 3, 1 << 18, 1 << 30
CR4_PGE, CR4_VMXE = 1 << 7, 1 << 13
GP, UD, MOV_CR = 13, 6, 3


@intrinsic("movq $0, %rax; .byte 0x0f, 0x22, 0xc0", "r,~{ax},~{memory}")
def mov_cr0_rax(value: u64) -> None:
    """MOV CR0, RAX in three bytes, so that a check knows what to skip."""
    raise NotImplementedError


@intrinsic("movq $0, %rax; .byte 0x0f, 0x22, 0xe0", "r,~{ax},~{memory}")
def mov_cr4_rax(value: u64) -> None:
    """MOV CR4, RAX in three bytes."""
    raise NotImplementedError


@intrinsic("invd", "~{memory}")
def invd() -> None:
    """INVD."""
    raise NotImplementedError


@intrinsic("clts", "~{memory}")
def clts() -> None:
    """CLTS."""
    raise NotImplementedError


@check
@fn
def cr0_keeps_what_is_written() -> bool:
    old = read_cr0()
    write_cr0(old ^ (CR0_TS | CR0_AM))
    found = read_cr0()
    write_cr0(old)
    return found == old ^ (CR0_TS | CR0_AM) and read_cr0() == old


@check
@fn
def caches_can_be_disabled_and_enabled() -> bool:
    old = read_cr0()
    write_cr0(old | CR0_CD)
    found = read_cr0()
    write_cr0(old)
    return found == old | CR0_CD and read_cr0() == old


@check
@fn
def clts_clears_ts() -> bool:
    old = read_cr0()
    write_cr0(old | CR0_TS)
    clts()
    found = read_cr0()
    write_cr0(old)
    return found & CR0_TS == 0


@check
@fn
def cr0_refuses_its_upper_half() -> bool:
    old = read_cr0()
    expect(u64(MOV_CR))
    mov_cr0_rax(old | 1 << 32)
    return came(u32(GP), u64(0)) and read_cr0() == old


@check
@fn
def cr4_keeps_what_is_written() -> bool:
    old = read_cr4()
    write_cr4(old ^ CR4_PGE)
    found = read_cr4()
    write_cr4(old)
    return found == old ^ CR4_PGE and read_cr4() == old


@check
@fn
def cr4_hides_vmxe_and_refuses_it() -> bool:
    old = read_cr4()
    expect(u64(MOV_CR))
    mov_cr4_rax(old | CR4_VMXE)
    return old & CR4_VMXE == 0 and came(u32(GP), u64(0)) and read_cr4() == old


@check
@fn
def cr3_is_reloaded_without_harm() -> bool:
    table = read_cr3()
    write_cr3(table)
    return read_cr3() == table


@check
@fn
def cr8_is_the_task_priority() -> bool:
    write_cr8(u64(5))
    found = read_cr8()
    write_cr8(u64(0))
    return found == 5 and read_cr8() == 0


@check
@fn
def cache_instructions_complete() -> bool:
    expect(u64(2))
    wbinvd()
    invd()
    return nothing_came()


CHECKS = checks_of(globals())
