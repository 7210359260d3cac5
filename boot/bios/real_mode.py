"""The real-mode part of stage 2: into 32-bit protected mode, and back into the BIOS for one interrupt at a time.

It lies at STAGE2 (below 64 KiB, so that one address serves both modes):

    +0   signature
    +4   entry, in real mode, from the boot sector
    +8   bios_call, in 32-bit code: (number, registers), arguments on the stack

Interrupts are on only while the BIOS runs.
"""

from __future__ import annotations

from boot.bios.low_memory import BOOT_SECTOR, LOADER_STACK, REAL_MODE_SIZE, STAGE2, STAGE2_SIGNATURE
from codegen.asm.flat import assemble_flat
from codegen.lang import Field, Struct, at, sizeof, u16, u32

BIOS_CALL = STAGE2 + 8


class BiosRegisters(Struct, size=40):
    """Registers that go into a BIOS interrupt and come out of it."""

    eax: Field[u32] = at(0)
    ebx: Field[u32] = at(4)
    ecx: Field[u32] = at(8)
    edx: Field[u32] = at(12)
    esi: Field[u32] = at(16)
    edi: Field[u32] = at(20)
    ebp: Field[u32] = at(24)
    ds: Field[u16] = at(28)
    es: Field[u16] = at(30)
    eflags: Field[u32] = at(32)  # out only


TEXT = """
.code16
    .long {{ signature }}
    .byte 0xe9                      /* jmp entry, near */
    .word entry - . - 2
    .byte 0x90
    .byte 0xe9                      /* 32-bit jmp bios_call */
    .long bios_call - . - 4

    .balign 8
gdt:
    .quad 0
    .quad 0x00cf9b000000ffff        /* 08: code, 4 GiB */
    .quad 0x00cf93000000ffff        /* 10: data, 4 GiB */
    .quad 0x00009b000000ffff        /* 18: 16-bit code: the way back to real mode needs a 64 KiB limit */
    .quad 0x000093000000ffff        /* 20: 16-bit data */
gdt_pointer:
    .word gdt_pointer - gdt - 1
    .long gdt
real_idt:
    .word 0x3ff
    .long 0
    .balign 4
registers:
    .skip {{ size }}
    .long 0                         /* the loader's ESP: at registers + size, since keystone drops label differences */
    .long 0                         /* the loader's BiosRegisters */

entry:
    cli
    lgdt [gdt_pointer]
    mov eax, cr0
    or al, 1
    mov cr0, eax
    .byte 0x66, 0xea
    .long enter32
    .word 8

.code32
enter32:
    mov eax, 0x10
    mov ds, eax
    mov es, eax
    mov fs, eax
    mov gs, eax
    mov ss, eax
    mov esp, {{ stack }}
    cld
    mov edi, {{ bss }}
    mov ecx, {{ bss_size }}
    xor eax, eax
    rep stosb
    mov eax, {{ main }}
    call eax
halt:
    cli
    hlt
    jmp halt

bios_call:
    push ebp
    push ebx
    push esi
    push edi
    mov eax, dword ptr [esp + 20]
    mov esi, dword ptr [esp + 24]
    mov ebx, interrupt + 1
    mov byte ptr [ebx], al
    mov ebx, registers
    mov dword ptr [ebx + {{ size + 4 }}], esi
    mov edi, ebx
    mov ecx, {{ size }}
    rep movsb
    mov dword ptr [ebx + {{ size }}], esp
    .byte 0xea
    .long leave32
    .word 0x18

.code16
leave32:
    mov ax, 0x20
    mov ds, ax
    mov es, ax
    mov fs, ax
    mov gs, ax
    mov ss, ax
    lidt [real_idt]
    mov eax, cr0
    and al, 0xfe
    mov cr0, eax
    ljmp 0:real
real:
    xor ax, ax
    mov fs, ax
    mov gs, ax
    mov ss, ax
    mov sp, {{ real_stack }}
    mov ds, ax
    mov es, word ptr [registers + {{ R.es.offset }}]
    mov eax, dword ptr [registers + {{ R.eax.offset }}]
    mov ebx, dword ptr [registers + {{ R.ebx.offset }}]
    mov ecx, dword ptr [registers + {{ R.ecx.offset }}]
    mov edx, dword ptr [registers + {{ R.edx.offset }}]
    mov esi, dword ptr [registers + {{ R.esi.offset }}]
    mov edi, dword ptr [registers + {{ R.edi.offset }}]
    mov ebp, dword ptr [registers + {{ R.ebp.offset }}]
    mov ds, word ptr [registers + {{ R.ds.offset }}]
    sti
    nop                             /* a pending tick is taken here; INT would mask it again */
interrupt:
    int 0
    cli
    cld
    pushfd
    push ds
    push cs
    pop ds                          /* 0 */
    mov dword ptr [registers + {{ R.eax.offset }}], eax
    mov dword ptr [registers + {{ R.ebx.offset }}], ebx
    mov dword ptr [registers + {{ R.ecx.offset }}], ecx
    mov dword ptr [registers + {{ R.edx.offset }}], edx
    mov dword ptr [registers + {{ R.esi.offset }}], esi
    mov dword ptr [registers + {{ R.edi.offset }}], edi
    mov dword ptr [registers + {{ R.ebp.offset }}], ebp
    mov word ptr [registers + {{ R.es.offset }}], es
    pop ax
    mov word ptr [registers + {{ R.ds.offset }}], ax
    pop eax
    mov dword ptr [registers + {{ R.eflags.offset }}], eax
    lgdt [gdt_pointer]
    mov eax, cr0
    or al, 1
    mov cr0, eax
    .byte 0x66, 0xea
    .long back32
    .word 8

.code32
back32:
    mov eax, 0x10
    mov ds, eax
    mov es, eax
    mov fs, eax
    mov gs, eax
    mov ss, eax
    mov ebx, registers
    mov esp, dword ptr [ebx + {{ size }}]
    mov edi, dword ptr [ebx + {{ size + 4 }}]
    mov esi, ebx
    mov ecx, {{ size }}
    rep movsb
    pop edi
    pop esi
    pop ebx
    pop ebp
    ret
"""


def build_real_mode_part(main: int, bss: int, bss_size: int) -> bytes:
    """The part, REAL_MODE_SIZE bytes; it zeroes [bss, bss + bss_size) and calls `main` (linear addresses)."""
    code = assemble_flat(
        TEXT,
        bits=16,
        address=STAGE2,
        constants={
            "R": BiosRegisters,
            "size": sizeof(BiosRegisters),
            "signature": STAGE2_SIGNATURE,
            "stack": LOADER_STACK,
            "real_stack": BOOT_SECTOR,
            "main": main,
            "bss": bss,
            "bss_size": bss_size,
        },
    )
    if len(code) > REAL_MODE_SIZE:
        raise ValueError(f"the real-mode part has {len(code)} bytes; {REAL_MODE_SIZE} are kept for it")
    return code.ljust(REAL_MODE_SIZE, b"\0")
