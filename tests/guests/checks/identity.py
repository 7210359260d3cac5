"""CPUID: what the guest may know of its processor."""

from __future__ import annotations

from codegen.lang import cpuid, fn, intrinsic, u32
from tests.guests.check import check, checks_of

VMX, OSXSAVE, HYPERVISOR = 1 << 5, 1 << 27, 1 << 31
SVM = 1 << 2


@intrinsic(".byte 0x66, 0x0f, 0xa2", "={ax},={bx},={cx},={dx},{ax},{cx}")
def cpuid_with_prefix(leaf: u32, subleaf: u32) -> tuple[u32, u32, u32, u32]:
    """CPUID with an operand-size prefix: three bytes, and legal."""
    raise NotImplementedError


@check
@fn
def cpuid_answers_with_at_least_leaf_1() -> bool:
    highest, _, _, _ = cpuid(u32(0), u32(0))
    return highest >= 1


@check
@fn
def cpuid_hides_vmx_and_svm() -> bool:
    _, _, features, _ = cpuid(u32(1), u32(0))
    _, _, extended, _ = cpuid(u32(0x8000_0001), u32(0))
    return features & VMX == 0 and extended & SVM == 0


@check
@fn
def cpuid_says_that_there_is_a_hypervisor() -> bool:
    _, _, features, _ = cpuid(u32(1), u32(0))
    return features & HYPERVISOR != 0


@check
@fn
def cpuid_with_a_prefix_is_skipped_whole() -> bool:
    plain = cpuid(u32(0), u32(0))
    highest, vendor, _, _ = cpuid_with_prefix(u32(0), u32(0))
    plain_highest, plain_vendor, _, _ = plain
    return highest == plain_highest and vendor == plain_vendor


CHECKS = checks_of(globals())
