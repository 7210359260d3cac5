"""Which image this processor runs, or in words what it lacks (SDM vol. 2A and APM vol. 3, CPUID)."""

from __future__ import annotations

from codegen.lang import BitStruct, HwEnum, bit, cpuid, fn, u32

EXTENDED = 0x8000_0000


class Vendor(HwEnum, repr=u32):
    """What the image is generated for; the others say why there is none."""

    VT_X = 1
    AMD_V = 2
    NONE = 3
    NOT_64_BIT = 4
    NO_EXECUTE_DISABLE = 5


class Features(BitStruct, repr=u32):
    """CPUID 1, ECX."""

    vmx: bool = bit(5)


class ExtendedFeaturesC(BitStruct, repr=u32):
    """CPUID 80000001, ECX."""

    svm: bool = bit(2)


class ExtendedFeaturesD(BitStruct, repr=u32):
    """CPUID 80000001, EDX."""

    no_execute: bool = bit(20)
    long_mode: bool = bit(29)


@fn
def choose_vendor() -> Vendor:
    """VT_X or AMD_V, or what is missing. Firmware locks are the monitor's to find: it has the words and the screen."""
    maximum, _, _, _ = cpuid(u32(EXTENDED), u32(0))
    if maximum < EXTENDED + 1:
        return Vendor.NOT_64_BIT
    _, _, extended_c, extended_d = cpuid(u32(EXTENDED + 1), u32(0))
    if not ExtendedFeaturesD.of(extended_d).long_mode:
        return Vendor.NOT_64_BIT
    if not ExtendedFeaturesD.of(extended_d).no_execute:
        return Vendor.NO_EXECUTE_DISABLE
    _, _, features, _ = cpuid(u32(1), u32(0))
    if Features.of(features).vmx:
        return Vendor.VT_X
    if ExtendedFeaturesC.of(extended_c).svm:
        return Vendor.AMD_V
    return Vendor.NONE
