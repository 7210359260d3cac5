"""A new processor's first instructions: from real mode, in a page below 1 MiB, to `start_processor` on its own stack.

The text is copied to that page and runs there; EBX holds the page's address throughout. Behind it lie the few values
that it needs (`TrampolineData`). Three jumps stand at fixed offsets, so that nobody has to know where labels lie:

    +00   real mode, where STARTUP begins
    +08   32-bit, paging off
    +10   64-bit, under page tables that map the page one to one
"""

from __future__ import annotations

from codegen.lang import Array, Atomic, Field, Hpa, Hva, Struct, at, fn, phys, phys_span, span_at, stub, u16, u32, u64

TEXT_BYTES = 0x200
DATA = TEXT_BYTES  # where TrampolineData lies in the page
PROTECTED, LONG = 0x08, 0x10
CODE_32, DATA_32, CODE_64 = 0x08, 0x10, 0x18  # selectors


class FarPointer(Struct, size=8):
    """What a far jump through memory reads."""

    offset: Field[u32] = at(0)
    selector: Field[u16] = at(4)


class TrampolineData(Struct, size=96, align=8, shared=True):
    """Behind the text."""

    gdt: Array[u64] = at(0, count=4)
    gdt_limit: Field[u16] = at(38)
    gdt_base: Field[u32] = at(40)
    protected: FarPointer = at(48)
    long: FarPointer = at(56)
    root: Field[u32] = at(64)  # page tables, below 4 GiB
    index: Field[u32] = at(68)  # in CPUS
    stack: Field[u64] = at(72)  # its top
    permits: Atomic[u32] = at(80)  # 1: one processor may take this start


TEXT = """
    lea rax, [rip + trampoline]
    ret

    .balign 16
trampoline:
.code16
    .byte 0xe9                      /* +00 */
    .word real_mode - . - 2
    .skip 5
.code32
    .byte 0xe9                      /* +08 */
    .long protected_mode - . - 4
    .skip 3
.code64
    .byte 0xe9                      /* +10 */
    .long long_mode - . - 4
    .skip 3

.code16
real_mode:
    cli
    cld
    mov ax, cs
    mov ds, ax
    xor ebx, ebx
    mov bx, ax
    shl ebx, 4
    mov edi, {{ DATA }}
    xor eax, eax
    xchg dword ptr [edi + {{ D.permits.offset }}], eax
    test eax, eax
    jz refused
    .byte 0x66, 0x0f, 0x01, 0x16    /* lgdt, 32-bit base */
    .word {{ DATA + D.gdt_limit.offset }}
    mov eax, cr0
    or al, 1
    mov cr0, eax
    .byte 0x66, 0xff, 0x2e          /* jmp far, 32-bit offset */
    .word {{ DATA + D.protected.offset }}
refused:                            /* nobody has asked for this one */
    hlt
    jmp refused

.code32
protected_mode:
    mov eax, {{ DATA_32 }}
    mov ds, eax
    mov es, eax
    mov ss, eax
    mov eax, 0x20                   /* PAE */
    mov cr4, eax
    mov eax, dword ptr [ebx + {{ DATA + D.root.offset }}]
    mov cr3, eax
    mov ecx, 0xc0000080             /* EFER: long mode, no-execute */
    rdmsr
    or eax, 0x900
    wrmsr
    mov eax, 0x80010033             /* paging, write protection, native FPU errors, monitor coprocessor; caches on */
    mov cr0, eax
    .byte 0xff, 0xab                /* jmp far [ebx + ...] */
    .long {{ DATA + D.long.offset }}

.code64
long_mode:
    mov eax, {{ DATA_32 }}
    mov ds, eax
    mov es, eax
    mov ss, eax
    mov ebx, ebx
    mov rsp, [rbx + {{ DATA + D.stack.offset }}]
    mov edi, dword ptr [rbx + {{ DATA + D.index.offset }}]
    xor ebp, ebp                    /* the chain of frames ends here */
    lea rax, [rip + entry]
    mov rax, [rax]
    call rax
    ud2
    .balign 8
entry:
    {{ quad("start_processor") }}
"""


@stub(TEXT, externals=("start_processor",), constants={"DATA": DATA, "D": TrampolineData, "DATA_32": DATA_32})
def trampoline_text() -> u64:
    """Where the text lies in the image: TEXT_BYTES from there on hold all of it."""
    ...


@fn(cold=True)
def trampoline_copy(page: Hpa, root: Hpa) -> None:
    """Put text and tables into the page; `root` is below 4 GiB."""
    phys_span(page, TEXT_BYTES).copy_from(span_at(Hva(trampoline_text()), TEXT_BYTES))
    data = trampoline_data(page)
    data.zero()
    data.gdt[CODE_32 // 8] = 0x00CF_9B00_0000_FFFF
    data.gdt[DATA_32 // 8] = 0x00CF_9300_0000_FFFF
    data.gdt[CODE_64 // 8] = 0x00AF_9B00_0000_FFFF
    data.gdt_limit = 4 * 8 - 1
    data.gdt_base = u32(u64(page)) + DATA
    data.protected.offset = u32(u64(page)) + PROTECTED
    data.protected.selector = CODE_32
    data.long.offset = u32(u64(page)) + LONG
    data.long.selector = CODE_64
    data.root = u32(u64(root))


@fn(cold=True)
def trampoline_permit(page: Hpa, index: u32, stack: u64) -> None:
    """The next processor that begins here becomes CPUS[index]; one only."""
    data = trampoline_data(page)
    data.index = index
    data.stack = stack
    data.permits.store(u32(1))


@fn(cold=True)
def trampoline_close(page: Hpa) -> None:
    """Whoever begins here from now on halts."""
    trampoline_data(page).permits.store(u32(0))


@fn
def trampoline_data(page: Hpa) -> TrampolineData:
    """The values in the page."""
    return phys(TrampolineData, page + DATA)
