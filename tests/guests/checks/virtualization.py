"""Instructions of both vendors' virtualization, and others that CPUID does not offer: #UD (XSA-278)."""

from __future__ import annotations

from collections.abc import Callable

from codegen.lang import cpuid, fn, intrinsic, static, u32, u64
from tests.guests.check import check, checks_of
from tests.guests.trapped import came, expect

UD, GP = 6, 13
INTEL = 0x756E_6547  # "Genu"


def bytes_of(code: bytes) -> tuple[Callable[[], None], int]:
    """An instruction by its bytes, with RAX and RCX zero."""
    text = ", ".join(f"{byte:#x}" for byte in code)

    @intrinsic(f"xorl %eax, %eax; xorl %ecx, %ecx; xorl %edx, %edx; .byte {text}", "~{ax},~{cx},~{dx},~{memory}")
    def run() -> None:
        raise NotImplementedError

    return run, len(code)


VMX_FAMILY = (
    bytes_of(b"\x0f\x01\xc2"),  # VMLAUNCH
    bytes_of(b"\x0f\x01\xc3"),  # VMRESUME
    bytes_of(b"\x0f\x01\xc4"),  # VMXOFF
    bytes_of(b"\xf3\x0f\xc7\x34\x24"),  # VMXON [RSP]
    bytes_of(b"\x0f\xc7\x34\x24"),  # VMPTRLD [RSP]
    bytes_of(b"\x66\x0f\xc7\x34\x24"),  # VMCLEAR [RSP]
    bytes_of(b"\x0f\x78\xc0"),  # VMREAD
    bytes_of(b"\x0f\x79\xc0"),  # VMWRITE
)

SVM_FAMILY = (
    bytes_of(b"\x0f\x01\xd8"),  # VMRUN
    bytes_of(b"\x0f\x01\xda"),  # VMLOAD
    bytes_of(b"\x0f\x01\xdb"),  # VMSAVE
    bytes_of(b"\x0f\x01\xdc"),  # STGI
    bytes_of(b"\x0f\x01\xdd"),  # CLGI
)

MONITOR_FAMILY = (bytes_of(b"\x0f\x01\xc8"), bytes_of(b"\x0f\x01\xc9"))


@intrinsic("vmcall", "={ax},{ax},~{memory}")
def vmcall(number: u64) -> u64:
    """Intel's hypercall."""
    raise NotImplementedError


@intrinsic("vmmcall", "={ax},{ax},~{memory}")
def vmmcall(number: u64) -> u64:
    """AMD's hypercall."""
    raise NotImplementedError


@check
@fn
def vmx_instructions_are_undefined() -> bool:
    holds = True
    for run, length in static(VMX_FAMILY):
        expect(u64(length))
        run()
        holds = holds and came(u32(UD), u64(0))
    return holds


@check
@fn
def svm_instructions_are_undefined() -> bool:
    holds = True
    for run, length in static(SVM_FAMILY):
        expect(u64(length))
        run()
        holds = holds and came(u32(UD), u64(0))
    return holds


@check
@fn
def monitor_and_mwait_are_undefined() -> bool:
    holds = True
    for run, length in static(MONITOR_FAMILY):
        expect(u64(length))
        run()
        holds = holds and came(u32(UD), u64(0))
    return holds


@check
@fn
def an_unknown_hypercall_is_refused_in_words() -> bool:
    _, vendor, _, _ = cpuid(u32(0), u32(0))
    expect(u64(3))
    answer = vmcall(u64(0x7777)) if vendor == INTEL else vmmcall(u64(0x7777))
    return answer == u64(0).wrapping_sub(u64(1000))


CHECKS = checks_of(globals())
