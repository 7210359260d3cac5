"""What the processor says of itself: CPUID, model-specific registers, time stamp, random numbers."""

from __future__ import annotations

import random

from codegen.lang import host
from codegen.lang.ints import u8, u32, u64
from codegen.lang.routines import fn, intrinsic


@intrinsic("cpuid", "={ax},={bx},={cx},={dx},{ax},{cx},~{memory}")
def cpuid(leaf: u32, subleaf: u32) -> tuple[u32, u32, u32, u32]:
    """EAX, EBX, ECX, EDX of a leaf (SDM vol. 2A, CPUID). Serializes."""
    eax, ebx, ecx, edx = host.cpu.cpuid(int(leaf), int(subleaf))
    return u32(eax), u32(ebx), u32(ecx), u32(edx)


@fn
def rdmsr(msr: u32) -> u64:
    """#GP for an unknown one."""
    low, high = rdmsr_parts(msr)
    return u64(high) << 32 | u64(low)


@fn
def wrmsr(msr: u32, value: u64) -> None:
    """#GP for an unknown one, or for a reserved bit."""
    wrmsr_parts(msr, u32.trunc(value), u32.trunc(value >> 32))


@fn
def rdtsc() -> u64:
    """The time-stamp counter; not ordered against other instructions."""
    low, high = rdtsc_parts()
    return u64(high) << 32 | u64(low)


@fn
def rdrand() -> u64 | None:
    """A random number, or None when the generator has none ready."""
    value, ready = rdrand_parts()
    if ready == 0:
        return None
    return value


@intrinsic("rdmsr", "={ax},={dx},{cx},~{memory}")
def rdmsr_parts(msr: u32) -> tuple[u32, u32]:
    value = u64(host.cpu.rdmsr(int(msr)))
    return u32.trunc(value), u32.trunc(value >> 32)


@intrinsic("wrmsr", "{cx},{ax},{dx},~{memory}")
def wrmsr_parts(msr: u32, low: u32, high: u32) -> None:
    host.cpu.wrmsr(int(msr), int(high) << 32 | int(low))


@intrinsic("rdtsc", "={ax},={dx},~{memory}")
def rdtsc_parts() -> tuple[u32, u32]:
    value = u64(host.cpu.rdtsc())
    return u32.trunc(value), u32.trunc(value >> 32)


@intrinsic("rdrandq $0; setc $1", "=&r,=&q,~{flags}")
def rdrand_parts() -> tuple[u64, u8]:
    return u64(random.getrandbits(64)), u8(1)
