"""Descriptor tables and segment selectors. Table operands are the 10 bytes of limit (u16) and base (u64)."""

from __future__ import annotations

from collections.abc import Callable

from codegen.lang import host, memory
from codegen.lang.addresses import Hva
from codegen.lang.ints import u16
from codegen.lang.routines import intrinsic

_OPERAND = 10


@intrinsic("lgdt ($0)", "r,~{memory}")
def lgdt(operand: Hva) -> None:
    """Load the GDT register from memory."""
    host.cpu.gdtr = memory.read(int(operand), _OPERAND)


@intrinsic("lidt ($0)", "r,~{memory}")
def lidt(operand: Hva) -> None:
    """Load the IDT register from memory."""
    host.cpu.idtr = memory.read(int(operand), _OPERAND)


@intrinsic("sgdt ($0)", "r,~{memory}")
def sgdt(operand: Hva) -> None:
    """Store the GDT register to memory."""
    memory.write(int(operand), host.cpu.gdtr)


@intrinsic("sidt ($0)", "r,~{memory}")
def sidt(operand: Hva) -> None:
    """Store the IDT register to memory."""
    memory.write(int(operand), host.cpu.idtr)


@intrinsic("ltr $0", "r,~{memory}")
def ltr(selector: u16) -> None:
    """Load the task register; marks the TSS busy in the GDT."""
    host.cpu.segments["tr"] = int(selector)


@intrinsic("strw $0", "=r,~{memory}")
def read_tr() -> u16:
    """The task register's selector."""
    return u16(host.cpu.segments["tr"])


@intrinsic("movzwl $0, %eax; pushq %rax; leaq 1f(%rip), %rax; pushq %rax; lretq; 1:", "r,~{ax},~{memory}")
def write_cs(selector: u16) -> None:
    """A far return to the next instruction."""
    host.cpu.segments["cs"] = int(selector)


def segment_register(name: str) -> tuple[Callable[[], u16], Callable[[u16], None]]:
    """Read and write the selector. Writing FS or GS zeroes its base on some processors: set the base afterwards."""

    @intrinsic(f"movw %{name}, $0", "=r,~{memory}")
    def read() -> u16:
        return u16(host.cpu.segments[name])

    @intrinsic(f"movw $0, %{name}", "r,~{memory}")
    def write(selector: u16) -> None:
        host.cpu.segments[name] = int(selector)

    return read, write


read_cs = segment_register("cs")[0]
read_ds, write_ds = segment_register("ds")
read_es, write_es = segment_register("es")
read_fs, write_fs = segment_register("fs")
read_gs, write_gs = segment_register("gs")
read_ss, write_ss = segment_register("ss")
