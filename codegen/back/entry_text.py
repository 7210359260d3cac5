"""The assembly between CPython and native code: entering, asking Python something, and leaving from a failed check."""

from __future__ import annotations

ENTRY = """
.text
.globl host_enter
host_enter:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movabsq ${state}, %rax
    pushq 0(%rax)
    pushq 8(%rax)
    movq %rsp, 0(%rax)
    movq 8(%rax), %rsp
    andq $-16, %rsp
    movq %rdi, %rax
    movq %rsi, %rdi
    call *%rax
    xorl %eax, %eax
host_return:
    movabsq ${state}, %rdx
    movq 0(%rdx), %rsp
    popq 8(%rdx)
    popq 0(%rdx)
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
.globl host_leave
host_leave:
    leal 2(%rdi), %eax
    jmp host_return
.globl host_request
host_request:
    pushq %rbp
    movq %rsp, %rbp
    movabsq ${state}, %rax
    pushq 8(%rax)
    pushq %rbx
    movq %rax, %rbx
    movq %rsp, 8(%rax)
    movq 0(%rax), %rsp
    andq $-16, %rsp
    movabsq ${callback}, %rax
    call *%rax
    movq 8(%rbx), %rsp
    popq %rbx
    movabsq ${state}, %rdx
    popq 8(%rdx)
    popq %rbp
    ret
"""
"""`host_enter(function, cells)` saves the registers, runs the function on native code's own stack, and returns 0;
`host_leave(site)`, called from anywhere below, makes it return site + 2 (1: the model of a request raised).
`host_request(number, cells)` runs a Python callback on the process's own stack, because CPython checks that.

The state is two cells that all modules share: the process's stack pointer while native code runs, and where native
code's stack goes on.
"""


def entry_text(state: int, callback: int) -> str:
    """As module-level assembly for the addresses of the state and of the callback."""
    text = ENTRY.format(state=state, callback=callback)
    return "".join(f'module asm "{line.strip()}"\n' for line in text.strip().splitlines()) + (
        "declare i32 @host_request(i32, ptr)\ndeclare void @host_leave(i32) cold noreturn nounwind\n"
    )
