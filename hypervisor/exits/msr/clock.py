"""The KVM-compatible clock: pages in guest memory from which the guest computes the VM's time by itself."""

from __future__ import annotations

from codegen.lang import Field, Gpa, Local, Struct, at, fn, span_of, u8, u32, u64
from hypervisor.exits.msr.policy import msr
from hypervisor.memory.guest import copy_out
from hypervisor.time.guest_clock import GUEST_CLOCK
from hypervisor.time.wall import wall_at
from hypervisor.vcpu.vcpu import Vcpu

WALL_CLOCK, SYSTEM_TIME = 0x4B56_4D00, 0x4B56_4D01
ENABLED = 1
TSC_STABLE = 1 << 0
NANOSECONDS = 1_000_000_000


class SystemTime(Struct, size=32):
    """struct pvclock_vcpu_time_info (Documentation/virt/kvm/x86/msr.rst): time = system_time + ((tsc - tsc_timestamp)
    << shift) * mul >> 32."""

    version: Field[u32] = at(0)  # odd while it changes
    tsc_timestamp: Field[u64] = at(8)
    system_time: Field[u64] = at(16)  # ns
    multiplier: Field[u32] = at(24)
    shift: Field[u8] = at(28)  # signed
    flags: Field[u8] = at(29)


class WallClock(Struct, size=12, align=4):
    """struct pvclock_wall_clock: the time of day when the VM's clock read 0."""

    version: Field[u32] = at(0)
    seconds: Field[u32] = at(4)
    nanoseconds: Field[u32] = at(8)


@fn
def shown(vcpu: Vcpu) -> bool:
    """Whether this VM was told of the clock at all."""
    return vcpu.vm.flags.kvm_signature


@fn
def read_system_time(vcpu: Vcpu, number: u32) -> u64 | None:
    """As written."""
    if not shown(vcpu):
        return None
    return vcpu.msrs.clock_page


@fn
def write_system_time(vcpu: Vcpu, number: u32, value: u64) -> bool:
    """Bit 0 enables; the rest is the page's address. It is written once: the host's TSC never changes its rate, and
    neither does the offset."""
    if not shown(vcpu):
        return False
    vcpu.msrs.clock_page = value
    if value & ENABLED == 0:
        return True
    page = Local(SystemTime)
    page.version = 2
    page.tsc_timestamp = vcpu.vm.clock_base.wrapping_add(vcpu.tsc_offset)
    page.multiplier = GUEST_CLOCK.multiplier
    page.shift = GUEST_CLOCK.shift
    page.flags = TSC_STABLE
    return copy_out(vcpu.vm.memory, Gpa(value & ~ENABLED), span_of(page)) is None


@fn
def read_wall_clock(vcpu: Vcpu, number: u32) -> u64 | None:
    """As written."""
    if not shown(vcpu):
        return None
    return u64(vcpu.msrs.wall_clock)


@fn
def write_wall_clock(vcpu: Vcpu, number: u32, value: u64) -> bool:
    """The address at which to write the time of day, once, now."""
    if not shown(vcpu):
        return False
    vcpu.msrs.wall_clock = Gpa(value)
    page = Local(WallClock)
    page.version = 2
    moment = wall_at(vcpu.vm.clock_base)
    page.seconds = u32.trunc(moment // NANOSECONDS)
    page.nanoseconds = u32.trunc(moment % NANOSECONDS)
    return copy_out(vcpu.vm.memory, Gpa(value), span_of(page)) is None


msr(WALL_CLOCK, read_wall_clock, write_wall_clock)
msr(SYSTEM_TIME, read_system_time, write_system_time)
