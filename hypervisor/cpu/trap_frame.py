"""What the trap entry leaves on the stack."""

from __future__ import annotations

from codegen.lang import Field, Struct, at, u64


class TrapFrame(Struct, size=176, align=8):
    """General registers as the entry pushed them, then vector and error code, then what the processor pushed."""

    r15: Field[u64] = at(0)
    r14: Field[u64] = at(8)
    r13: Field[u64] = at(16)
    r12: Field[u64] = at(24)
    r11: Field[u64] = at(32)
    r10: Field[u64] = at(40)
    r9: Field[u64] = at(48)
    r8: Field[u64] = at(56)
    rbp: Field[u64] = at(64)
    rdi: Field[u64] = at(72)
    rsi: Field[u64] = at(80)
    rdx: Field[u64] = at(88)
    rcx: Field[u64] = at(96)
    rbx: Field[u64] = at(104)
    rax: Field[u64] = at(112)
    vector: Field[u64] = at(120)
    error: Field[u64] = at(128)
    rip: Field[u64] = at(136)
    cs: Field[u64] = at(144)
    rflags: Field[u64] = at(152)
    rsp: Field[u64] = at(160)
    ss: Field[u64] = at(168)
