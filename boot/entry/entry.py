"""The image's entry code: position-independent, at any 2 MiB-aligned physical base below 4 GiB.

    +0    32-bit entry, paging off. EAX = BOOT_INFO_MAGIC and EBX = BootInfo; otherwise PVH (EBX = hvm_start_info)
    +16   64-bit entry, memory below 4 GiB mapped one to one. RDI = BootInfo, below 4 GiB

The 64-bit way leaves long mode and takes the 32-bit one, so that there is one set of steps. Offsets are fixed by hand
where 32-bit code needs them, because keystone drops label differences in memory operands.
"""

from __future__ import annotations

from typing import Never

from boot.entry.early import EARLY_SYMBOL, EarlyMemory
from boot.info import BOOT_INFO_MAGIC
from boot.load.elf import IMAGE_MAX
from codegen.lang import sizeof, stub

ENTRY_64 = 16
TWO_MIB = 2 << 20
PRESENT_WRITABLE = 0x03
LEAF = 0x83  # present, writable, 2 MiB

TEXT = """
.code32
    .byte 0xe9                      /* +00 */
    .long entry32 - . - 4
    .skip 11
    .byte 0xe9                      /* +10 */
    .long entry64 - . - 4
    .skip 11
    {{ quad("boot_entry") }}        /* +20: virtual address of +00 */
    {{ quad(early) }}               /* +28: of EarlyMemory */
    {{ quad("__image_start") }}     /* +30 */
    {{ quad("__image_end") }}       /* +38 */
    {{ quad("__bss_start") }}       /* +40 */
    {{ quad("__bss_end") }}         /* +48 */
gdt:
    .quad 0                         /* +50 */
    .quad 0x00cf9b000000ffff        /* 08: 32-bit code */
    .quad 0x00cf93000000ffff        /* 10: data */
    .quad 0x00af9b000000ffff        /* 18: 64-bit code */
entry32:                            /* +70 */
    mov esp, 0x500                  /* there may be no stack: one word of the BIOS's inter-application area */
    call here
here:                               /* +7a */
    pop ebp
    sub ebp, 0x7a                   /* physical address of +00 */
    cli
    cld
    mov esi, eax
    cmp eax, {{ magic }}
    je cleared                      /* by our loaders; QEMU's PVH loader, after a reset, leaves .bss as it was */
    mov edi, dword ptr [ebp + 0x40]
    mov ecx, dword ptr [ebp + 0x48]
    sub ecx, edi
    sub edi, dword ptr [ebp + 0x20]
    add edi, ebp
    shr ecx, 2
    xor eax, eax
    rep stosd
cleared:
    mov edi, dword ptr [ebp + 0x28]
    sub edi, dword ptr [ebp + 0x20]
    add edi, ebp                    /* physical address of EarlyMemory */
    lea esp, [edi + {{ size }}]
    rdtsc
    push edx
    push eax

    lea eax, [edi + {{ E.low_pdpt.offset + link }}]
    mov dword ptr [edi], eax
    mov dword ptr [edi + {{ 256 * 8 }}], eax
    lea eax, [edi + {{ E.high_pdpt.offset + link }}]
    mov dword ptr [edi + {{ 511 * 8 }}], eax
    lea eax, [edi + {{ E.image_directory.offset + link }}]
    mov dword ptr [edi + {{ E.high_pdpt.offset + 510 * 8 }}], eax
    lea eax, [edi + {{ E.low_directories.offset + link }}]
    lea edx, [edi + {{ E.low_pdpt.offset }}]
    mov ecx, 4
directories:
    mov dword ptr [edx], eax
    add eax, 0x1000
    add edx, 8
    dec ecx
    jnz directories
    lea edx, [edi + {{ E.low_directories.offset }}]
    mov eax, {{ leaf }}
    mov ecx, {{ 4 * 512 }}
low_pages:
    mov dword ptr [edx], eax
    add eax, {{ two_mib }}
    add edx, 8
    dec ecx
    jnz low_pages
    mov edx, dword ptr [ebp + 0x30]
    mov eax, edx
    sub eax, dword ptr [ebp + 0x20]
    add eax, ebp                    /* physical base of the image */
    push 0
    push eax
    add eax, {{ leaf }}
    and edx, 0x3fe00000             /* its place in the directory: 8 bytes for 2 MiB */
    shr edx, 18
    lea edx, [edi + edx + {{ E.image_directory.offset }}]
    mov ecx, {{ image_pages }}
image_pages:
    mov dword ptr [edx], eax
    add eax, {{ two_mib }}
    add edx, 8
    dec ecx
    jnz image_pages

    mov eax, 0x20                   /* PAE */
    mov cr4, eax
    mov cr3, edi
    mov ecx, 0xc0000080             /* EFER: long mode, no-execute */
    rdmsr
    or eax, 0x900
    wrmsr
    mov eax, 0x80010033             /* paging, write protection, native FPU errors, monitor coprocessor; caches on */
    mov cr0, eax
    lea eax, [ebp + 0x50]
    sub esp, 8
    mov word ptr [esp], 31
    mov dword ptr [esp + 2], eax
    .byte 0x0f, 0x01, 0x14, 0x24    /* lgdt [esp]; keystone loads 24 bits of the base only */
    add esp, 8
    call far_target                 /* the return address becomes an offset that we can add to */
    .code64
    mov eax, 0x10
    mov ds, eax
    mov es, eax
    mov ss, eax
    xor eax, eax
    mov fs, eax
    mov gs, eax
    mov ebp, ebp
    mov rax, qword ptr [rbp + 0x20]
    sub rax, rbp
    mov r12, rax                    /* virtual minus physical */
    mov esp, esp
    add rsp, r12
    add rbp, r12
    lea rcx, [rip + high]
    add rcx, r12
    jmp rcx
high:
    mov edi, ebx
    cmp esi, {{ magic }}
    je monitor
    pop rsi                         /* physical base of the image */
    pop rcx                         /* TSC */
    mov rdx, qword ptr [rbp + 0x38]
    sub rdx, qword ptr [rbp + 0x30] /* its size */
    {{ call("pvh_boot_info") }}
    mov rdi, rax
    sub rdi, r12
monitor:
    and rsp, -16
    {{ call("start") }}
    ud2

.code32
far_target:
    pop eax
    push 0x18
    push eax
    .byte 0xcb                      /* far return into 64-bit code */

.code64
entry64:
    cli
    mov ebx, edi
    lea rsi, [rip + gdt]
    sub rsp, 16
    mov word ptr [rsp], 31
    mov qword ptr [rsp + 2], rsi
    lgdt [rsp]
    lea rax, [rip + compatible]
    push 8
    push rax
    retfq
.code32
compatible:
    mov eax, 0x10
    mov ds, eax
    mov es, eax
    mov ss, eax
    mov eax, 0x00000011             /* paging off */
    mov cr0, eax
    mov ecx, 0xc0000080
    rdmsr
    and eax, 0xfffffeff             /* long mode off */
    wrmsr
    mov eax, {{ magic }}
    jmp entry32
"""


@stub(
    TEXT,
    bits=32,
    section=".text.start",
    externals=("start", "pvh_boot_info", "early_memory"),
    constants={
        "E": EarlyMemory,
        "size": sizeof(EarlyMemory),
        "early": EARLY_SYMBOL,
        "link": PRESENT_WRITABLE,
        "leaf": LEAF,
        "two_mib": TWO_MIB,
        "image_pages": IMAGE_MAX // TWO_MIB,
        "magic": BOOT_INFO_MAGIC,
    },
)
def boot_entry() -> Never: ...
