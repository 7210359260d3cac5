"""Whether a processor is like the first one, where a vCPU that moves between them would notice."""

from __future__ import annotations

from codegen.lang import Array, Field, Struct, count, cpuid, fn, init, len, range, storage, table, u32, u64
from hypervisor.cpu.features import (
    CPUID_ADDRESS_SIZES,
    CPUID_EXTENDED,
    CPUID_EXTENDED_FEATURES,
    CPUID_POWER,
    CPUID_STRUCTURED,
    CPUID_VERSION,
    FEATURES,
)
from hypervisor.cpu.smp.steps import NO_DIFFERENCE, START
from hypervisor.cpu.speculation import CPUID_EXTENDED_FEATURES_2
from hypervisor.cpu.xstate import CPUID_XSTATE
from hypervisor.vcpu.contract import vendor_capability_word

EAX, EBX, ECX, EDX = 0, 1, 2, 3
ALL = 0xFFFF_FFFF
OSXSAVE, OSPKE = 1 << 27, 1 << 4  # follow CR4
VENDOR_WORDS_MAX = 32


class CpuidWord(Struct):
    """One register of one leaf, as far as it says what the processor can do."""

    leaf: Field[u32]
    subleaf: Field[u32]
    register: Field[u32]
    mask: Field[u32]


def word(leaf: int, register: int, mask: int = ALL, subleaf: int = 0) -> CpuidWord:
    """A line of the table."""
    return init(CpuidWord, leaf=leaf, subleaf=subleaf, register=register, mask=mask)


WORDS = table(
    CpuidWord,
    [
        word(0, EAX),
        word(CPUID_VERSION, EAX),  # family, model, stepping
        word(CPUID_VERSION, ECX, ALL & ~OSXSAVE),
        word(CPUID_VERSION, EDX),
        word(CPUID_STRUCTURED, EBX),
        word(CPUID_STRUCTURED, ECX, ALL & ~OSPKE),
        word(CPUID_STRUCTURED, EDX),
        word(CPUID_XSTATE, EAX),
        word(CPUID_XSTATE, EDX),
        word(CPUID_XSTATE, EAX, subleaf=1),
        word(CPUID_EXTENDED, EAX),
        word(CPUID_EXTENDED_FEATURES, ECX),
        word(CPUID_EXTENDED_FEATURES, EDX),
        word(CPUID_POWER, EDX),
        word(CPUID_ADDRESS_SIZES, EAX),
        word(CPUID_ADDRESS_SIZES, EBX),
        word(CPUID_EXTENDED_FEATURES_2, EAX),
    ],
)


class Reference(Struct):
    """What the first processor says. Vendor's words follow those of CPUID; there are none where no guest can run."""

    words: Array[u64] = count(len(WORDS) + VENDOR_WORDS_MAX)
    count: Field[u32]


REFERENCE = storage(Reference)


@fn(cold=True)
def sameness_start(guests: bool) -> None:
    """On the first processor. `guests`: it has all that vendor_missing_capability asks for."""
    REFERENCE.count = len(WORDS)
    for i in range(u32(len(WORDS))):
        REFERENCE.words[i] = cpuid_word(i)
    if guests:
        for i in range(u32(VENDOR_WORDS_MAX)):
            found = vendor_capability_word(i)
            if found is None:
                return
            REFERENCE.words[REFERENCE.count] = found
            REFERENCE.count += 1


@fn(cold=True)
def compare_with_first() -> None:
    """On another processor: the first difference goes into START."""
    START.different = NO_DIFFERENCE
    for i in range(REFERENCE.count):
        found = own_word(i)
        if found != REFERENCE.words[i]:
            START.different = i
            START.found = found
            return


@fn(cold=True)
def own_word(number: u32) -> u64:
    """Word `number` of this processor, below REFERENCE.count."""
    if number < len(WORDS):
        return cpuid_word(number)
    found = vendor_capability_word(number - len(WORDS))
    return found if found is not None else u64(0)


@fn(cold=True)
def cpuid_word(number: u32) -> u64:
    """0 for leaves that the first processor does not have."""
    wanted = WORDS[number]
    highest = FEATURES.highest_extended if wanted.leaf >= CPUID_EXTENDED else FEATURES.highest_leaf
    if wanted.leaf > highest and wanted.leaf != CPUID_EXTENDED:
        return u64(0)
    eax, ebx, ecx, edx = cpuid(wanted.leaf, wanted.subleaf)
    value = eax
    if wanted.register == EBX:
        value = ebx
    elif wanted.register == ECX:
        value = ecx
    elif wanted.register == EDX:
        value = edx
    return u64(value & wanted.mask)
