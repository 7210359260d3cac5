from __future__ import annotations

import random

import pytest

from codegen.lang import host, u32, u64
from hypervisor.exits.msr import dispatch, policy
from hypervisor.exits.msr.saved import EFER_FFXSR
from hypervisor.exits.registry import Resume
from hypervisor.vcpu.event import Vector
from hypervisor.vcpu.msr_state import reset_msrs
from hypervisor.vcpu.svm.state import save_of
from tests.played_guest.machine import VM, everywhere, in_cpython, new_machine, set_mode

KNOWN = {number: entry for entry in policy.RANGES for number in range(entry.first, entry.first + entry.count)}
TSC_AUX = 0xC000_0103
EDGES = (0, 1, 0xFF, 1 << 10, 1 << 31, 0xFFFF_FFFF, 1 << 47, 0xFFFF_8000_0000_0000, 1 << 63, (1 << 64) - 1)


@pytest.fixture
def vcpu():
    vcpu = new_machine()
    set_mode(vcpu, 64, 0x1000)
    reset_msrs(vcpu.msrs)
    return vcpu


def read(vcpu, number, run=in_cpython):
    """The value; None for #GP(0), which leaves the registers alone."""
    vcpu.regs.rcx, vcpu.regs.rax, vcpu.regs.rdx = number | 7 << 32, 0x1111_1111_1111, 0x2222_2222_2222
    vcpu.pending = vcpu.pending.replace(valid=False)
    resume = run(dispatch.read_msr, vcpu)
    if resume == Resume.SAME_INSTRUCTION:
        assert vcpu.pending.valid and vcpu.pending.vector == 13 and vcpu.pending.has_error
        assert (vcpu.regs.rax, vcpu.regs.rdx) == (0x1111_1111_1111, 0x2222_2222_2222)
        return None
    assert resume == Resume.NEXT_INSTRUCTION and not vcpu.pending.valid
    assert vcpu.regs.rax >> 32 == 0 and vcpu.regs.rdx >> 32 == 0
    return int(vcpu.regs.rdx) << 32 | int(vcpu.regs.rax)


def write(vcpu, number, value, run=in_cpython):
    """Whether it was accepted; the upper halves of EAX and EDX do not count."""
    vcpu.regs.rcx, vcpu.regs.rax = number, value & 0xFFFF_FFFF | 0xABCD << 32
    vcpu.regs.rdx = value >> 32 | 0xABCD << 32
    vcpu.pending = vcpu.pending.replace(valid=False)
    return run(dispatch.write_msr, vcpu) == Resume.NEXT_INSTRUCTION


@everywhere
def test_no_guest_reaches_a_real_msr(run, vcpu):
    host.cpu.msrs.clear()  # from now on the processor refuses every RDMSR and WRMSR
    source = random.Random(1)
    for number in KNOWN:
        read(vcpu, number, run)
        for value in (*EDGES[:: 1 if run is not in_cpython else 3], source.getrandbits(64)):
            write(vcpu, number, value, run)
        read(vcpu, number, run)


@everywhere
def test_an_unknown_msr_is_general_protection(run, vcpu):
    source = random.Random(2)
    numbers = [source.getrandbits(32) for _ in range(100)]
    numbers += [
        edge + step for first, length in policy.WINDOWS for edge in (first, first + length) for step in (-1, 0, 1)
    ]
    numbers += range(0, 0x400, 1 if run is not in_cpython else 7)
    for number in numbers:
        if number & 0xFFFF_FFFF not in KNOWN:
            assert read(vcpu, number & 0xFFFF_FFFF, run) is None, hex(number)
            assert not write(vcpu, number & 0xFFFF_FFFF, 0, run)


def test_every_number_finds_its_own_range():
    for first, length in policy.WINDOWS:
        for number in range(first, first + length):
            entry = KNOWN.get(number)
            index = int(dispatch.find(u32(number)))
            assert index == (policy.RANGES.index(entry) + 1 if entry else 0)


def test_twice_in_the_policy_is_a_build_error():
    entry = policy.RANGES[0]
    with pytest.raises(ValueError, match="twice"):
        policy.msr(entry.first, entry.read, entry.write)


@pytest.mark.parametrize("number", [0x175, 0x176, 0xC000_0082, 0xC000_0083, 0xC000_0100, 0xC000_0101, 0xC000_0102])
def test_addresses_are_canonical(vcpu, number):
    assert write(vcpu, number, 0xFFFF_8000_0000_0000) and read(vcpu, number) == 0xFFFF_8000_0000_0000
    assert write(vcpu, number, 0x7FFF_FFFF_FFFF)
    for wild in (1 << 47, 0x8000_0000_0000_0000, 0xFFFF_7FFF_FFFF_FFFF):
        assert not write(vcpu, number, wild)
    assert read(vcpu, number) == 0x7FFF_FFFF_FFFF


@pytest.mark.parametrize("slot", range(8))
def test_pat_entries_are_memory_types(vcpu, slot):
    for kind in range(256):
        assert write(vcpu, 0x277, kind << 8 * slot) == (kind in (0, 1, 4, 5, 6, 7))


def test_efer_refuses_reserved_bits_and_lme_under_paging(vcpu):
    assert read(vcpu, 0xC000_0080) == 0x500
    assert write(vcpu, 0xC000_0080, 0xD01) and read(vcpu, 0xC000_0080) == 0xD01
    for bit in {*range(64)} - {0, 8, 10, 11}:
        assert not write(vcpu, 0xC000_0080, 0xD01 | 1 << bit), bit
    assert not write(vcpu, 0xC000_0080, 0x001)  # LME off under paging
    assert write(vcpu, 0xC000_0080, 0x901) and read(vcpu, 0xC000_0080) == 0xD01  # LMA is not writable
    save_of(vcpu).cr0 = 0x11
    assert write(vcpu, 0xC000_0080, 0x001)


def test_fast_fxsave_needs_its_cpuid_bit(vcpu):
    assert not write(vcpu, 0xC000_0080, 0x500 | EFER_FFXSR)
    VM.cpuid.extended[1].edx = 1 << 25
    assert write(vcpu, 0xC000_0080, 0x500 | EFER_FFXSR)


def test_tsc_aux_needs_rdtscp_and_reaches_the_register(vcpu):
    host.cpu.msrs[TSC_AUX] = 0
    assert not write(vcpu, TSC_AUX, 5)
    VM.cpuid.extended[1].edx = 1 << 27
    assert write(vcpu, TSC_AUX, 5) and read(vcpu, TSC_AUX) == 5
    assert host.cpu.msrs[TSC_AUX] == 5
    assert not write(vcpu, TSC_AUX, 1 << 32)


@pytest.mark.parametrize("number", [0x250, 0x258, 0x259, *range(0x268, 0x270)])
def test_fixed_mtrrs_keep_memory_types_only(vcpu, number):
    assert write(vcpu, number, 0x0605_0401_0006_0504) and read(vcpu, number) == 0x0605_0401_0006_0504
    assert not write(vcpu, number, 0x0605_0401_0006_0503)
    others = [n for n in (0x250, 0x258, 0x259, *range(0x268, 0x270)) if n != number]
    assert all(read(vcpu, n) == 0x0606_0606_0606_0606 for n in others)


@pytest.mark.parametrize("pair", range(8))
def test_variable_mtrrs_refuse_reserved_bits(vcpu, pair):
    base, mask = 0x200 + 2 * pair, 0x201 + 2 * pair
    assert write(vcpu, base, 0xF_FFFF_FFFF_F006) and write(vcpu, mask, 0xF_FFFF_FFFF_F800)
    assert (read(vcpu, base), read(vcpu, mask)) == (0xF_FFFF_FFFF_F006, 0xF_FFFF_FFFF_F800)
    assert not write(vcpu, base, 2) and not write(vcpu, base, 0x106) and not write(vcpu, base, 1 << 52)
    assert not write(vcpu, mask, 0x400) and not write(vcpu, mask, 1 << 52)


def test_the_default_memory_type_refuses_reserved_bits(vcpu):
    assert read(vcpu, 0x2FF) == 0xC06 and write(vcpu, 0x2FF, 0x800) and read(vcpu, 0x2FF) == 0x800
    assert not write(vcpu, 0x2FF, 2) and not write(vcpu, 0x2FF, 0x1000)


def test_the_counter_moves_with_its_adjustment(vcpu):
    host.cpu.tsc, host.cpu.tsc_step = 1000, 0
    assert write(vcpu, 0x10, 5000) and read(vcpu, 0x10) == 5000
    assert read(vcpu, 0x3B) == 4000
    assert write(vcpu, 0x3B, 0) and read(vcpu, 0x10) == 1000
    assert write(vcpu, 0x10, 0) and read(vcpu, 0x3B) == (1 << 64) - 1000


def test_the_clock_is_there_only_for_a_vm_that_was_told_so(vcpu):
    assert read(vcpu, 0x4B56_4D01) is None and not write(vcpu, 0x4B56_4D01, 0x3001)
    VM.flags = VM.flags.replace(kvm_signature=True)
    from tests.played_guest.machine import get

    assert write(vcpu, 0x4B56_4D01, 0x5001) and read(vcpu, 0x4B56_4D01) == 0x5001
    assert get(0x5000, 4) == b"\2\0\0\0" and get(0x501D, 1) == b"\1"
    assert not write(vcpu, 0x4B56_4D01, 0xFEE0_0001)  # outside its memory
    assert write(vcpu, 0x4B56_4D00, 0x6000) and get(0x6000, 1) == b"\2"


def test_general_protection_is_vector_13():
    assert u64(Vector.GP) == 13
