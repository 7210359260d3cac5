from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from codegen.asm.flat import assemble_flat
from codegen.asm.keystone_safe import assemble
from codegen.asm.lint import NAMED
from codegen.back.errors import BadAssembly
from tests.asm.nasm import difference

CORRECT_64 = """
    push rbp
    mov rbp, rsp
    mov rax, [rdi + 0x10 + 8]
    mov [rdi + 0x1234], r15
    mov rcx, gs:[riz*1 + 0x10]
    mov dword ptr [rsp + 4], 31
    lea rsi, [rip + data]
    mov rax, qword ptr [rsi + rdi*8]
    and qword ptr [rsp], 0xff
    mov rax, 0xffffffff80000000
    mov rdx, 0x123456789abcdef0
    mov eax, 0x80010033
    cmp dword ptr [rdi + 300], 0
    jne near_label
    jmp far_away
near_label:
    vmwrite rcx, rax
    vmread rax, rcx
    vmlaunch
    vmresume
    vmcall
    vmrun
    clgi
    stgi
    rdmsr
    wrmsr
    xsetbv
    iretq
    retfq
    mov cr3, rax
    mov ds, eax
    mov dr7, rax
    swapgs
    lgdt [rsp]
    lidt [rax + 8]
    ltr ax
    in al, dx
    out dx, eax
    rep movsb
    rep stosq
    invlpg [rax]
    .skip 200
far_away:
    xchg rax, rbx
    add rsp, -16
    sub rsp, 128
    push 0x1234
    push qword ptr [rsp]
    movzx eax, byte ptr [rdi]
    bswap rax
    push fs
    pop gs
    shl rax, 32
    test al, 1
    call near_label
    loop near_loop
near_loop:
    cli
    sti
    hlt
    pause
    ud2
    int3
    int 0x80
    cpuid
    ret
    .balign 1
data:
    .quad 0x1122334455667788
    .byte 1, 2, 3
    .word 0x55aa
    .long near_label - data
"""

CORRECT_32 = """
    mov eax, dword ptr [esp + 4]
    mov [0x1000], eax
    mov ebx, dword ptr [0x12345678]
    mov eax, cr0
    or eax, 0x80000001
    mov cr0, eax
    mov esp, 0x90000
    call target
    pushfd
    popfd
    pushad
    popad
    lea edx, [edi + ecx*4 + 0x7000]
    mov word ptr [esp], 31
    mov al, byte ptr [ebx]
    rep stosd
    iretd
target:
    mov ds, eax
    push 0x18
    jmp target
    mov eax, table
    ret
table:
    .long target
"""

CORRECT_16 = """
    cli
    xor ax, ax
    mov ds, ax
    mov sp, 0x7c00
    mov si, message
    lodsb
    mov ah, 0x0e
    int 0x10
    mov bx, registers
    mov es, word ptr [bx + 4]
    mov eax, dword ptr [bx]
    mov dword ptr [bx + 8], eax
    lgdt [0x7c80]
    mov eax, cr0
    or al, 1
    mov cr0, eax
    ljmp 0:next
next:
    push cs
    pop ds
    pushfd
    pop eax
    in al, 0x92
    out 0x92, al
    jc next
    call subroutine
subroutine:
    ret
message:
    .ascii "hi; there # 1b"
pointer:
    .word 23
    .long message
registers:
    .skip 16
"""


@pytest.mark.parametrize(
    "text, bits, address", [(CORRECT_64, 64, 0), (CORRECT_32, 32, 0x8000), (CORRECT_16, 16, 0x7C00)]
)
def test_accepted_text_gives_the_bytes_of_nasm(text: str, bits: int, address: int, tmp_path: Path) -> None:
    mine = text.replace("vmrun\n", "vmrun rax\n")
    assert difference(mine, bits, address, assemble_flat(mine, bits=bits, address=address), tmp_path) is None


MISASSEMBLED = [
    ("mov rsp, gs:[0x10]", 64),
    ("push qword ptr gs:[0x10]", 64),
    ("xchg rax, gs:[0x20]", 64),
    ("mov rbx, [0x1000]", 64),
    ("mov rbx, gs:[0x10+riz]", 64),
    ("ljmp 8:0x100040", 32),
    (".code32\nljmp 8:0x100040", 64),
    ("lgdt [eax]", 32),
    ("iret", 64),
    ("retf", 16),
    ("vmrun", 64),
    ("endbr64", 64),
    ("rdpid rax", 64),
    (".text\nnop", 64),
    (".section .data", 64),
    (".org 10", 64),
    ("1: jmp 1b", 64),
    ("nop # comment", 64),
    ("movq %gs:0x10, %rax", 64),
    ("mov eax, OFFSET here\nhere:", 64),
    ("jmp short here\nhere:", 64),
    ("mov eax, missing", 32),
    ("call elsewhere", 64),
    ("here: there: mov eax, [ebp + here - there]", 32),
    ("nonsense rax", 64),
    ("call ax", 16),
    ("call word ptr [bx]", 16),
    ("push 5", 16),
    ("push ds", 32),
    ("pop es", 32),
]


@pytest.mark.parametrize("text, bits", MISASSEMBLED)
def test_what_keystone_gets_wrong_is_refused(text: str, bits: int) -> None:
    with pytest.raises(BadAssembly):
        assemble(text, bits)


def test_a_complaint_names_the_line() -> None:
    with pytest.raises(BadAssembly, match="^line 3: mov rbx, "):
        assemble("nop\n/* two */\nmov rbx, [0x1000]\n", 64)
    with pytest.raises(BadAssembly, match="line 2: mov rax, cl"):
        assemble("nop\nmov rax, cl\n", 64)


@pytest.mark.parametrize("name", sorted(NAMED))
def test_named_instructions_have_the_bytes_of_gnu_as(name: str, tmp_path: Path) -> None:
    source, made, raw = tmp_path / "in.s", tmp_path / "out.o", tmp_path / "out.bin"
    source.write_text({"retf": "lret"}.get(name, name) + "\n")
    subprocess.run(["as", "-o", made, source], check=True)
    subprocess.run(["objcopy", "-O", "binary", "-j", ".text", made, raw], check=True)
    text = "{{ instruction('" + name + "') }}"
    assert assemble_flat(text, bits=64, address=0) == raw.read_bytes()


def test_modes_change_within_one_text() -> None:
    text = ".code16\n{{ far_jump(8, 'enter', 16) }}\n.code32\nenter: {{ lgdt32('gdt') }}\n.code64\nmov rax, cr4\ngdt:"
    code = assemble_flat(text, bits=16, address=0x8000)
    assert code.hex() == "66ea088000000800" + "0f011512800000" + "0f20e0"
