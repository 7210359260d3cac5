"""Control and debug registers, and the flags."""

from __future__ import annotations

from collections.abc import Callable

from codegen.lang import host
from codegen.lang.ints import u64
from codegen.lang.routines import intrinsic


def control_register(number: int) -> tuple[Callable[[], u64], Callable[[u64], None]]:
    """Read and write CR0, CR2, CR3, CR4 or CR8; #GP for reserved bits (SDM vol. 3A, 2.5)."""
    name = f"cr{number}"

    @intrinsic(f"movq %{name}, $0", "=r,~{memory}")
    def read() -> u64:
        return u64(getattr(host.cpu, name))

    @intrinsic(f"movq $0, %{name}", "r,~{memory}")
    def write(value: u64) -> None:
        host.cpu.log.append((name, int(value)))
        setattr(host.cpu, name, int(value))

    return read, write


def debug_register(number: int) -> tuple[Callable[[], u64], Callable[[u64], None]]:
    """Read and write DR0 to DR3, DR6 or DR7 (SDM vol. 3B, 18.2)."""

    @intrinsic(f"movq %dr{number}, $0", "=r,~{memory}")
    def read() -> u64:
        return u64(host.cpu.debug[number])

    @intrinsic(f"movq $0, %dr{number}", "r,~{memory}")
    def write(value: u64) -> None:
        host.cpu.debug[number] = int(value)

    return read, write


@intrinsic("pushfq; popq $0", "=r,~{memory}")
def read_rflags() -> u64:
    """RFLAGS; bit 9 is IF."""
    return u64(host.cpu.flags())


read_cr0, write_cr0 = control_register(0)
read_cr2, write_cr2 = control_register(2)
read_cr3, write_cr3 = control_register(3)
read_cr4, write_cr4 = control_register(4)
read_cr8, write_cr8 = control_register(8)
read_dr0, write_dr0 = debug_register(0)
read_dr1, write_dr1 = debug_register(1)
read_dr2, write_dr2 = debug_register(2)
read_dr3, write_dr3 = debug_register(3)
read_dr6, write_dr6 = debug_register(6)
read_dr7, write_dr7 = debug_register(7)
