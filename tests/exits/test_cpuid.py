from __future__ import annotations

import random

import pytest

from codegen.lang import host, u32
from hypervisor.cpu.xstate import XSTATE
from hypervisor.devices.lapic.state import LapicMode
from hypervisor.exits.cpuid import emulate_cpuid
from hypervisor.exits.registry import Resume
from hypervisor.vcpu.svm.state import save_of
from hypervisor.vm.cpuid_policy import fill_cpuid
from tests.played_guest.machine import VM, everywhere, in_cpython, new_machine, set_mode

# What no guest may ever see: leaf, register (0 to 3: EAX to EDX), bits. SDM vol. 2A, CPUID; APM vol. 3, appendix E.
HIDDEN = (
    (1, 2, (2, 3, 4, 5, 6, 7, 8, 10, 11, 14, 15, 16, 17, 18)),  # DTES64 MONITOR DS-CPL VMX SMX EST TM2 … PCID DCA
    (1, 3, (18, 20, 21, 22, 27, 28, 29, 30, 31)),  # PSN DS ACPI SS HTT TM IA64 PBE
    (5, 0, range(32)),  # MONITOR/MWAIT
    (7, 1, (1, 2, 4, 6, 10, 11, 12, 14, 15, 22, 25)),  # TSC_ADJUST SGX HLE INVPCID RTM PQM MPX PQE PT
    (7, 2, (3, 4, 5, 7, 16, 22, 23, 24, 28, 29, 30, 31)),  # PKU OSPKE WAITPKG CET LA57 RDPID KL SGX PKS
    (7, 3, (5, 14, 15, 19, 20, 22, 24, 25, 26, 27, 28, 29, 30, 31)),  # UINTR LBR CET-IBT AMX IBRS STIBP L1D ARCH_CAP
    (0xA, 0, range(32)),  # performance counters
    (0x12, 0, range(32)),  # SGX
    (0x14, 1, range(32)),  # processor trace
    (0x19, 0, range(32)),  # key locker
    (0x1D, 0, range(32)),  # AMX
    (0x8000_0001, 2, (1, 2, 3, 9, 10, 12, 13, 15, 19, 23, 24, 28, 29)),  # CMP SVM extended APIC IBS SKINIT LWP …
    (0x8000_000A, 0, range(32)),  # SVM
    (0x8000_001B, 0, range(32)),  # IBS
    (0x8000_001F, 0, range(32)),  # SEV
)


@pytest.fixture
def vcpu():
    vcpu = new_machine()
    set_mode(vcpu, 64, 0x1000)
    vcpu.lapic.mode = LapicMode.XAPIC
    return vcpu


def ask(vcpu, leaf, subleaf=0, run=in_cpython):
    vcpu.regs.rax, vcpu.regs.rcx = leaf | 5 << 32, subleaf | 5 << 32
    assert run(emulate_cpuid, vcpu) == Resume.NEXT_INSTRUCTION
    return tuple(int(r) for r in (vcpu.regs.rax, vcpu.regs.rbx, vcpu.regs.rcx, vcpu.regs.rdx))


def on_host(seed, highest=None, extended=None):
    """A processor that answers every leaf with noise."""

    def answer(leaf, subleaf):
        words = [random.Random(f"{seed} {int(leaf)} {int(subleaf)} {i}").getrandbits(32) for i in range(4)]
        if leaf == 0 and highest is not None:
            words[0] = highest
        if leaf == 0x8000_0000:
            words[0] = 0x8000_0000 | (words[0] & 0x3F if extended is None else extended)
        return tuple(words)

    host.cpu.cpuid = answer


@pytest.fixture(autouse=True)
def processor():
    yield
    vars(host.cpu).pop("cpuid", None)


LEAVES = (*range(0x22), *range(0x8000_0000, 0x8000_0024), *range(0x4000_0000, 0x4000_0004), 0x1234_5678, 0xFFFF_FFFF)


@everywhere
def test_hidden_features_stay_hidden_whatever_the_host_answers(run, vcpu):
    for seed in range(12):
        on_host(seed, *((None, None) if seed else (0xFFFF_FFFF, 0x7FFF_FFFF)))
        XSTATE.mask, XSTATE.area_bytes = random.Random(seed).getrandbits(10) | 1, 2696
        VM.cpuid.zero()
        run(fill_cpuid, VM.cpuid, bool(seed & 1), u32(1))
        for leaf, register, bits in HIDDEN:
            for subleaf in (0, 1, 2, 0xFFFF_FFFF):
                value = ask(vcpu, leaf, subleaf, run)[register]
                assert not value & sum(1 << bit for bit in bits), (hex(leaf), subleaf, register, hex(value))


@everywhere
def test_every_leaf_answers_in_32_bits_and_unknown_ones_are_zero(run, vcpu):
    on_host(3, 0x20, 0x21)
    VM.cpuid.zero()
    run(fill_cpuid, VM.cpuid, True, u32(1))
    highest, highest_extended = ask(vcpu, 0, 0, run)[0], ask(vcpu, 0x8000_0000, 0, run)[0]
    assert 0xD <= highest < 0x20 and 0x8000_0008 <= highest_extended <= 0x8000_0021
    for leaf in LEAVES:
        for subleaf in (0, 1, 2, 63, 0xFFFF_FFFF):
            answer = ask(vcpu, leaf, subleaf, run)
            assert all(word >> 32 == 0 for word in answer)
            if highest < leaf < 0x4000_0000 or leaf > highest_extended or 0x4000_0001 < leaf < 0x8000_0000:
                assert answer == (0, 0, 0, 0), hex(leaf)


def test_leaf_1_follows_the_vcpus_registers(vcpu):
    on_host(1)
    fill_cpuid(VM.cpuid, True, u32(1))
    ecx = ask(vcpu, 1)[2]
    assert ecx >> 31 and ecx & 1 << 21 and ecx & 1 << 24 and not ecx & 1 << 27
    save_of(vcpu).cr4 = 1 << 18 | 0x20
    assert ask(vcpu, 1)[2] & 1 << 27
    vcpu.lapic.mode = LapicMode.DISABLED
    assert not ask(vcpu, 1)[3] & 1 << 9


def test_extended_state_sizes_follow_xcr0(vcpu):
    VM.cpuid.zero()
    XSTATE.mask, XSTATE.area_bytes = 0xE7, 2688
    components = {2: (256, 576), 5: (40, 1088), 6: (512, 1152), 7: (1024, 1664)}
    host.cpu.cpuid_leaves[(0xD, 1)] = (0xF, 123, 0x100, 7)
    for number, (size, offset) in components.items():
        host.cpu.cpuid_leaves[(0xD, number)] = (size, offset, 2 if number == 6 else 0, 0)
    fill_cpuid(VM.cpuid, False, u32(1))
    for xcr0, size, compacted in ((1, 576, 576), (7, 832, 832), (0xE7, 2688, 2432)):
        host.cpu.xcr0 = xcr0
        assert ask(vcpu, 0xD, 0) == (0xE7, size, 2688, 0)
        assert ask(vcpu, 0xD, 1) == (7, compacted, 0, 0)
    assert ask(vcpu, 0xD, 6) == (512, 1152, 2, 0)
    assert ask(vcpu, 0xD, 3) == (0, 0, 0, 0)


def test_the_hypervisor_leaves_name_the_clock_or_ourselves(vcpu):
    on_host(1)
    for kvm, name in ((True, b"KVMKVMKVM\0\0\0"), (False, b"KeelbackHV\0\0")):
        VM.cpuid.zero()
        fill_cpuid(VM.cpuid, kvm, u32(1))
        eax, *words = ask(vcpu, 0x4000_0000)
        assert eax == 0x4000_0001 and b"".join(word.to_bytes(4, "little") for word in words) == name
        assert bool(ask(vcpu, 0x4000_0001)[0]) == kvm


def test_a_leaf_that_the_host_lacks_is_not_read(vcpu):
    on_host(1, highest=6)
    VM.cpuid.zero()
    fill_cpuid(VM.cpuid, False, u32(1))
    assert ask(vcpu, 7) == (0, 0, 0, 0)
