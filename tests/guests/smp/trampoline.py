"""Where other processors begin: real mode at the start of a page below 1 MiB, with a record of all registers."""

from __future__ import annotations

from codegen.lang import (
    Array,
    Field,
    Hpa,
    Hva,
    Struct,
    address_of,
    at,
    fn,
    phys,
    phys_span,
    read_cr3,
    span_at,
    stub,
    u16,
    u32,
    u64,
)
from tests.guests.smp.processor import STACK_SIZE, STACKS

PAGE = 0x70
BASE = PAGE << 12
CODE_BYTES = 1024
LONG_MODE = 512  # offset of the 64-bit part
CODE_64, DATA = 0x18, 0x10
RECORD = 0xE00  # offset of the record in the page
NOT_WRITTEN = 0xDEAD_BEEF


class Record(Struct, size=128, align=4, shared=True):
    """Registers as the processor started with them."""

    general: Array[u32] = at(0, count=8)  # EAX, ECX, EDX, EBX, ESP, EBP, ESI, EDI
    segments: Array[u16] = at(32, count=6)  # ES, CS, SS, DS, FS, GS
    gdt_limit: Field[u16] = at(44)
    idt_limit: Field[u16] = at(52)
    cr0: Field[u32] = at(60)
    cr2: Field[u32] = at(64)
    cr3: Field[u32] = at(68)
    cr4: Field[u32] = at(72)
    dr6: Field[u32] = at(76)
    dr7: Field[u32] = at(80)
    efer: Field[u32] = at(84)
    flags: Field[u32] = at(88)


class Page(Struct, size=4096, align=4096, shared=True):
    """The page as the code knows it."""

    record: Record = at(RECORD)
    stack_top: Field[u32] = at(0xE80)  # of the real-mode stack; only its place matters
    cr3: Field[u32] = at(0xF00)
    stacks: Field[u64] = at(0xF08)
    gdt_limit: Field[u16] = at(0xF16)
    gdt_base: Field[u32] = at(0xF18)
    gdt: Array[u64] = at(0xF20, count=4)


# CS-relative stores are spelled out: 2EH, 66H, 89H /r with a 16-bit address.
TEXT = """
    lea rax, [rip + trampoline]
    ret
    .balign 512
.code16
trampoline:
{% for number in range(8) %}
    .byte 0x2e, 0x66, 0x89, {{ 8 * number + 6 }}
    .word {{ record + 4 * number }}
{% endfor %}
{% for number in range(6) %}
    .byte 0x2e, 0x8c, {{ 8 * number + 6 }}
    .word {{ record + R.segments.offset + 2 * number }}
{% endfor %}
    .byte 0x2e, 0x66, 0x0f, 0x01, 0x06      /* SGDT */
    .word {{ record + R.gdt_limit.offset }}
    .byte 0x2e, 0x66, 0x0f, 0x01, 0x0e      /* SIDT */
    .word {{ record + R.idt_limit.offset }}
{% for bytes, field in CONTROL %}
    .byte {{ bytes }}                       /* to EAX */
    .byte 0x2e, 0x66, 0xa3
    .word {{ record + field }}
{% endfor %}
    .byte 0x66, 0xb9                        /* ECX = EFER */
    .long 0xc0000080
    rdmsr
    .byte 0x2e, 0x66, 0xa3
    .word {{ record + R.efer.offset }}
    mov ax, cs
    mov ss, ax
    mov sp, {{ P.stack_top.offset + 16 }}
    .byte 0x66, 0x9c                        /* PUSHFD, POP EAX */
    .byte 0x66, 0x58
    .byte 0x2e, 0x66, 0xa3
    .word {{ record + R.flags.offset }}

    .byte 0x2e, 0x66, 0x0f, 0x01, 0x16      /* LGDT */
    .word {{ P.gdt_limit.offset }}
    .byte 0x66, 0xb8                        /* CR4.PAE */
    .long 0x20
    mov cr4, eax
    .byte 0x2e, 0x66, 0xa1
    .word {{ P.cr3.offset }}
    mov cr3, eax
    .byte 0x66, 0xb9
    .long 0xc0000080
    .byte 0x66, 0xb8
    .long 0x900                             /* long mode, no-execute */
    .byte 0x66, 0x31, 0xd2
    wrmsr
    .byte 0x66, 0xb8
    .long 0x80010033
    mov cr0, eax
    .byte 0x66, 0xea
    .long {{ base + long_mode }}
    .word {{ code }}
    .balign 512
.code64
    mov eax, {{ data }}
    mov ds, eax
    mov es, eax
    mov ss, eax
    mov eax, 1
    cpuid
    shr ebx, 24                             /* the initial APIC ID */
    mov edi, ebx
    lea eax, [rbx + 1]
    imul eax, eax, {{ stack_size }}
    mov ecx, {{ base + P.stacks.offset }}
    add rax, qword ptr [rcx]
    mov rsp, rax
    call qword ptr [rip + begin]
    ud2
    .balign 8
begin:
    {{ quad("begin_processor") }}
"""
CONTROL = (
    ("0x0f, 0x20, 0xc0", Record.cr0.offset),
    ("0x0f, 0x20, 0xd0", Record.cr2.offset),
    ("0x0f, 0x20, 0xd8", Record.cr3.offset),
    ("0x0f, 0x20, 0xe0", Record.cr4.offset),
    ("0x0f, 0x21, 0xf0", Record.dr6.offset),
    ("0x0f, 0x21, 0xf8", Record.dr7.offset),
)


@stub(
    TEXT,
    externals=("begin_processor",),
    constants={
        "record": RECORD,
        "R": Record,
        "P": Page,
        "CONTROL": CONTROL,
        "base": BASE,
        "long_mode": LONG_MODE,
        "code": CODE_64,
        "data": DATA,
        "stack_size": STACK_SIZE,
    },
)
def trampoline() -> u64:
    """The address of the code that `install_trampoline` copies."""
    ...


@fn
def install_trampoline() -> None:
    """Once, before any processor is started."""
    code = phys_span(Hpa(BASE), u64(CODE_BYTES))
    code.copy_from(span_at(Hva(trampoline()), u64(CODE_BYTES)))
    page = phys(Page, Hpa(BASE))
    page.cr3 = u32.trunc(read_cr3())
    page.stacks = u64(address_of(STACKS[0]))
    page.gdt_limit = 31
    page.gdt_base = u32(BASE + Page.gdt.offset)
    page.gdt[DATA // 8] = 0x00CF_9300_0000_FFFF
    page.gdt[CODE_64 // 8] = 0x00AF_9B00_0000_FFFF


@fn
def record() -> Record:
    """Of the processor that started last."""
    return phys(Page, Hpa(BASE)).record
