"""The machines that a program is compiled for: triple, features, code model and calling conventions."""

from __future__ import annotations

from dataclasses import dataclass

# Ring 0 owns no vector or floating-point state: that belongs to the guests.
INTEGER_ONLY = "-mmx,-sse,-sse2,-sse3,-ssse3,-sse4.1,-sse4.2,-avx,-avx2,-avx512f,-x87,+soft-float"


@dataclass(frozen=True, slots=True)
class Target:
    """`pointer_bits` is 32 or 64. `convention` and `entry_convention` are LLVM calling conventions, of internal and of
    exported functions. `host`: registers and instructions become calls to their models in Python.
    """

    name: str
    triple: str
    cpu: str
    features: str
    code_model: str
    relocation: str
    pointer_bits: int
    convention: str = ""
    entry_convention: str = ""
    host: bool = False


IMAGE = Target("image", "x86_64-unknown-none-elf", "x86-64", INTEGER_ONLY, "kernel", "static", 64)
"""The monitor: the top 2 GiB of the address space."""

LOADER = Target("loader", "i386-unknown-none-elf", "i686", INTEGER_ONLY, "small", "static", 32)
"""32-bit protected mode without paging; arguments on the stack."""

UEFI = Target("uefi", "x86_64-unknown-windows", "x86-64", INTEGER_ONLY, "small", "pic", 64, "x86_64_sysvcc", "win64cc")
"""A PE/COFF application. Only exported functions have the firmware's calling convention; stubs see the usual one."""

HOST = Target("host", "x86_64-unknown-linux-gnu", "x86-64", "", "jitdefault", "default", 64, host=True)
"""The process that runs the build or the tests."""
