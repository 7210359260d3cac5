"""What LLVM calls by itself: the memory functions, and 64-bit division on 32-bit processors."""

from __future__ import annotations

from codegen.back.target import Target

MEMORY_SYSV = """
.text
.globl memcpy, memmove, memset, memcmp, bcmp
memcpy:
    movq %rdi, %rax
    movq %rdx, %rcx
    rep movsb
    ret
memmove:
    movq %rdi, %rax
    movq %rdx, %rcx
    movq %rdi, %r8
    subq %rsi, %r8
    cmpq %rdx, %r8
    jb 1f
    rep movsb
    ret
1:  leaq -1(%rdi,%rdx), %rdi
    leaq -1(%rsi,%rdx), %rsi
    std
    rep movsb
    cld
    ret
memset:
    movq %rdi, %r8
    movl %esi, %eax
    movq %rdx, %rcx
    rep stosb
    movq %r8, %rax
    ret
memcmp:
bcmp:
    xorl %eax, %eax
    movq %rdx, %rcx
    testq %rcx, %rcx
    repe cmpsb
    je 1f
    movzbl -1(%rdi), %eax
    movzbl -1(%rsi), %ecx
    subl %ecx, %eax
1:  ret
"""
"""Strings of bytes by REP (fast on every processor with ERMS); the direction flag is clear on entry and on return."""

MEMORY_WIN64 = """
.text
.globl memcpy, memmove, memset, memcmp, bcmp
memcpy:
    pushq %rdi
    pushq %rsi
    movq %rcx, %rax
    movq %rcx, %rdi
    movq %rdx, %rsi
    movq %r8, %rcx
    rep movsb
    popq %rsi
    popq %rdi
    ret
memmove:
    movq %rcx, %r9
    subq %rdx, %r9
    cmpq %r8, %r9
    jae memcpy
    pushq %rdi
    pushq %rsi
    movq %rcx, %rax
    leaq -1(%rcx,%r8), %rdi
    leaq -1(%rdx,%r8), %rsi
    movq %r8, %rcx
    std
    rep movsb
    cld
    popq %rsi
    popq %rdi
    ret
memset:
    pushq %rdi
    movq %rcx, %r9
    movq %rcx, %rdi
    movl %edx, %eax
    movq %r8, %rcx
    rep stosb
    movq %r9, %rax
    popq %rdi
    ret
memcmp:
bcmp:
    pushq %rdi
    pushq %rsi
    xorl %eax, %eax
    movq %rcx, %rdi
    movq %rdx, %rsi
    movq %r8, %rcx
    testq %rcx, %rcx
    repe cmpsb
    je 1f
    movzbl -1(%rdi), %eax
    movzbl -1(%rsi), %ecx
    subl %ecx, %eax
1:  popq %rsi
    popq %rdi
    ret
"""
"""The same with Microsoft's convention, in which LLVM calls them for a PE target."""

MEMORY_I386 = """
.text
.globl memcpy, memmove, memset, memcmp, bcmp
memmove:
    movl 4(%esp), %eax
    subl 8(%esp), %eax
    cmpl 12(%esp), %eax
    jae memcpy
    pushl %edi
    pushl %esi
    movl 20(%esp), %ecx
    movl 12(%esp), %edi
    movl 16(%esp), %esi
    leal -1(%edi,%ecx), %edi
    leal -1(%esi,%ecx), %esi
    std
    rep movsb
    cld
    popl %esi
    popl %edi
    movl 4(%esp), %eax
    ret
memcpy:
    pushl %edi
    pushl %esi
    movl 12(%esp), %edi
    movl 16(%esp), %esi
    movl 20(%esp), %ecx
    movl %edi, %eax
    rep movsb
    popl %esi
    popl %edi
    ret
memset:
    pushl %edi
    movl 8(%esp), %edi
    movl 12(%esp), %eax
    movl 16(%esp), %ecx
    rep stosb
    movl 8(%esp), %eax
    popl %edi
    ret
memcmp:
bcmp:
    pushl %edi
    pushl %esi
    movl 12(%esp), %edi
    movl 16(%esp), %esi
    movl 20(%esp), %ecx
    xorl %eax, %eax
    testl %ecx, %ecx
    repe cmpsb
    je 1f
    movzbl -1(%edi), %eax
    movzbl -1(%esi), %ecx
    subl %ecx, %eax
1:  popl %esi
    popl %edi
    ret
"""

DIVISION = """
define { i64, i64 } @udivmod64(i64 %n, i64 %d) #0 noinline {
entry:
  br label %bit
bit:
  %i = phi i32 [ 63, %entry ], [ %next, %bit ]
  %q = phi i64 [ 0, %entry ], [ %q2, %bit ]
  %r = phi i64 [ 0, %entry ], [ %r2, %bit ]
  %wide = zext i32 %i to i64
  %shifted = lshr i64 %n, %wide
  %low = and i64 %shifted, 1
  %top = icmp slt i64 %r, 0
  %doubled = shl i64 %r, 1
  %trial = or i64 %doubled, %low
  %enough = icmp uge i64 %trial, %d
  %fits = or i1 %top, %enough
  %less = sub i64 %trial, %d
  %r2 = select i1 %fits, i64 %less, i64 %trial
  %one = zext i1 %fits to i64
  %twice = shl i64 %q, 1
  %q2 = or i64 %twice, %one
  %next = add i32 %i, -1
  %more = icmp sge i32 %next, 0
  br i1 %more, label %bit, label %done
done:
  %a = insertvalue { i64, i64 } zeroinitializer, i64 %q2, 0
  %b = insertvalue { i64, i64 } %a, i64 %r2, 1
  ret { i64, i64 } %b
}
define i64 @__udivdi3(i64 %n, i64 %d) #0 {
  %both = call { i64, i64 } @udivmod64(i64 %n, i64 %d)
  %q = extractvalue { i64, i64 } %both, 0
  ret i64 %q
}
define i64 @__umoddi3(i64 %n, i64 %d) #0 {
  %both = call { i64, i64 } @udivmod64(i64 %n, i64 %d)
  %r = extractvalue { i64, i64 } %both, 1
  ret i64 %r
}
"""
"""Shift and subtract: the loader divides a few times, for clock rates and sector counts."""


def runtime_text(target: Target) -> str:
    """Definitions for a freestanding module; the host has them in its C library."""
    if target.host:
        return ""
    if target.pointer_bits == 32:
        return _module_assembly(MEMORY_I386) + DIVISION
    return _module_assembly(MEMORY_WIN64 if target.triple.endswith("windows") else MEMORY_SYSV)


def _module_assembly(text: str) -> str:
    return "".join(f'module asm "{line}"\n' for line in text.strip().splitlines())
