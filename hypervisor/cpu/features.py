"""What this processor has, read once; and in words what a machine can lack, with the remedy."""

from __future__ import annotations

from codegen.lang import Field, Span, Struct, cpuid, fn, min, span, storage, u32
from hypervisor.vcpu.contract import Capability

CPUID_STANDARD = 0x0
CPUID_VERSION = 0x1
CPUID_STRUCTURED = 0x7
CPUID_EXTENDED = 0x8000_0000
CPUID_EXTENDED_FEATURES = 0x8000_0001
CPUID_POWER = 0x8000_0007
CPUID_ADDRESS_SIZES = 0x8000_0008


class Features(Struct):
    """The features that the monitor's own code asks about; guests' CPUID has a policy of its own."""

    highest_leaf: Field[u32]
    highest_extended: Field[u32]
    signature: Field[u32]  # family, model, stepping (leaf 1, EAX)
    physical_bits: Field[u32]
    initial_apic_id: Field[u32]
    x2apic: Field[bool]
    tsc_deadline: Field[bool]
    xsave: Field[bool]
    rdrand: Field[bool]
    clflush: Field[bool]
    no_execute: Field[bool]
    large_1g: Field[bool]
    invariant_tsc: Field[bool]
    smep: Field[bool]
    smap: Field[bool]
    hypervisor: Field[bool]  # we run under another one


FEATURES = storage(Features)


@fn
def has_bit(word: u32, number: u32) -> bool:
    """Bit `number` of a CPUID register."""
    return (word >> number) & 1 != 0


@fn(cold=True)
def features_start() -> None:
    """Read CPUID. Leaves beyond the highest return another leaf's data on Intel: they are not read."""
    highest, _, _, _ = cpuid(u32(CPUID_STANDARD), u32(0))
    FEATURES.highest_leaf = highest
    eax, ebx, ecx, edx = cpuid(u32(CPUID_VERSION), u32(0))
    FEATURES.signature = eax
    FEATURES.initial_apic_id = ebx >> 24
    FEATURES.x2apic = has_bit(ecx, u32(21))
    FEATURES.tsc_deadline = has_bit(ecx, u32(24))
    FEATURES.xsave = has_bit(ecx, u32(26))
    FEATURES.rdrand = has_bit(ecx, u32(30))
    FEATURES.hypervisor = has_bit(ecx, u32(31))
    FEATURES.clflush = has_bit(edx, u32(19))
    if highest >= CPUID_STRUCTURED:
        _, structured, _, _ = cpuid(u32(CPUID_STRUCTURED), u32(0))
        FEATURES.smep = has_bit(structured, u32(7))
        FEATURES.smap = has_bit(structured, u32(20))
    extended_features_start()


@fn(cold=True)
def extended_features_start() -> None:
    """Leaves from 80000000H."""
    extended, _, _, _ = cpuid(u32(CPUID_EXTENDED), u32(0))
    FEATURES.highest_extended = extended
    FEATURES.physical_bits = 36
    if extended >= CPUID_EXTENDED_FEATURES:
        _, _, _, edx = cpuid(u32(CPUID_EXTENDED_FEATURES), u32(0))
        FEATURES.no_execute = has_bit(edx, u32(20))
        FEATURES.large_1g = has_bit(edx, u32(26))
    if extended >= CPUID_POWER:
        _, _, _, power = cpuid(u32(CPUID_POWER), u32(0))
        FEATURES.invariant_tsc = has_bit(power, u32(8))
    if extended >= CPUID_ADDRESS_SIZES:
        sizes, _, _, _ = cpuid(u32(CPUID_ADDRESS_SIZES), u32(0))
        FEATURES.physical_bits = min(sizes & 0xFF, u32(52))


@fn(cold=True)
def words_for(capability: Capability) -> Span:
    """What is missing, and what the user can do about it."""
    match capability:
        case Capability.PRESENT:
            return span(b"nothing is missing")
        case Capability.VIRTUALIZATION:
            return span(
                b"this CPU has neither VT-x nor AMD-V: use another machine, or an emulator's CPU model that has one"
            )
        case Capability.FIRMWARE_LOCK:
            return span(b"the firmware has switched virtualization off: enable VT-x, or SVM mode, in its set-up")
        case Capability.SECOND_LEVEL_PAGING:
            return span(b"this CPU has no EPT or nested paging: a CPU of 2010 or later is needed")
        case Capability.UNRESTRICTED_GUEST:
            return span(b"this CPU's VT-x has no unrestricted guest: a Westmere (2010) or later is needed")
        case Capability.XSAVE:
            return span(b"this CPU has no XSAVE: a CPU of 2011 or later is needed")
        case Capability.TRUE_CONTROLS:
            return span(b"this CPU's VT-x lacks a control that is needed: see the log for its name")
        case Capability.NO_EXECUTE:
            return span(b"no-execute is missing or switched off: enable NX (XD) in the firmware's set-up")
