"""A monitor that breaks on purpose, once it owns the machine: the command line's first letter says how."""

from __future__ import annotations

from typing import Never

from codegen.lang import Field, Hpa, Hva, Struct, at, fn, stub, u8, u64, ud2, view_at
from hypervisor.console.console import CONSOLE
from hypervisor.cpu.panic import stop
from hypervisor.cpu.per_cpu import CPU
from hypervisor.cpu.stacks import STACK_BYTES, leave_loader_stack
from hypervisor.machine import BOOT, machine_begin, machine_complete
from hypervisor.memory.frames import free_bytes
from hypervisor.memory.image_layout import ImageBound, image_bound

FAILED_CHECK = 0x63  # c
WRITE_TO_CODE = 0x77  # w
EXECUTE_DATA = 0x78  # x
BELOW_THE_STACK = 0x67  # g
STACK_OVERFLOW = 0x73  # s
INVALID_OPCODE = 0x69  # i
NULL_REFERENCE = 0x6E  # n
LOCK_ORDER = 0x6F  # o: a mistake in the debug profile alone
LOCKED_CONSOLE = 0x6C  # l: no mistake yet


class Word(Struct, size=8):
    """Anything that can be written."""

    value: Field[u64] = at(0)


@stub("    mov rax, rdi\n    jmp rax\n")
def jump_to(address: u64) -> Never:
    """Run whatever is there."""
    ...


@stub("    mov rsp, rdi\n    push rax\n    ud2\n")
def push_at(top: u64) -> Never:
    """With a stack that ends there."""
    ...


@fn(export="start")
def start(boot_info: Hpa) -> Never:
    leave_loader_stack(machine_begin(boot_info))


@fn(export="start_on_own_stack")
def start_on_own_stack() -> Never:
    machine_complete()
    break_by(BOOT.command_line[0])
    stop()


@fn(noinline=True)
def break_by(letter: u8) -> None:
    guard = CPU.here().stack_top - STACK_BYTES
    if letter == WRITE_TO_CODE:
        view_at(Word, Hva(image_bound(ImageBound.TEXT_START))).value = 1
    elif letter == EXECUTE_DATA:
        jump_to(u64(CPU.here().self_address))
    elif letter == BELOW_THE_STACK:
        view_at(Word, Hva(guard - 8)).value = 1
    elif letter == STACK_OVERFLOW:
        push_at(guard)
    elif letter == INVALID_OPCODE:
        ud2()
    elif letter == NULL_REFERENCE:
        view_at(Word, Hva(u64(0))).value = 1
    elif letter == LOCK_ORDER:
        with CONSOLE.lock:
            assert free_bytes() != 0
    elif letter == LOCKED_CONSOLE:
        CONSOLE.lock.lock.acquire()  # and somebody else, who never comes back, is inside
        CONSOLE.lock.inside.store(99)
        ud2()
    else:
        assert letter == FAILED_CHECK
