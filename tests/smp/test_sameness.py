from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from codegen.lang import host
from hypervisor.cpu.features import features_start
from hypervisor.cpu.smp.sameness import REFERENCE, WORDS, compare_with_first, sameness_start
from hypervisor.cpu.smp.steps import NO_DIFFERENCE, START
from tests.cpu.processors import PROCESSORS
from tests.played_guest.back_end import back_end

VMX_MSRS = (0x480, 0x485, 0x486, 0x487, 0x488, 0x489, 0x48B, 0x48C, 0x48D, 0x48E, 0x48F, 0x490)


@pytest.fixture(params=["vmx", "svm"], autouse=True)
def vendor(request: pytest.FixtureRequest) -> Iterator[str]:
    with back_end(f"hypervisor.vcpu.{request.param}"):
        PROCESSORS["Ice Lake" if request.param == "vmx" else "Zen 4"].install()
        generator = random.Random(5)
        host.cpu.msrs.update({msr: generator.getrandbits(63) for msr in VMX_MSRS})
        host.cpu.cpuid_leaves[(0x8000_000A, 0)] = (1, 16, 0, 0x41)
        features_start()
        yield request.param


def difference() -> int | None:
    compare_with_first()
    found = int(START.different)
    return None if found == NO_DIFFERENCE else found


def changed(leaf: tuple[int, int], register: int, mask: int) -> None:
    words = list(host.cpu.cpuid_leaves.get(leaf, (0, 0, 0, 0)))
    words[register] ^= mask
    host.cpu.cpuid_leaves[leaf] = tuple(words)


@pytest.mark.parametrize("guests", [True, False])
def test_two_alike_do_not_differ(guests: bool) -> None:
    sameness_start(guests)
    assert difference() is None


# Each a feature that guests see, or that the monitor uses.
DIFFERENCES = {
    "another stepping": ((1, 0), 0, 1),
    "no x2APIC": ((1, 0), 2, 1 << 21),
    "no AVX2": ((7, 0), 1, 1 << 5),
    "no fast short REP MOVSB": ((7, 0), 3, 1 << 4),
    "narrower addresses": ((0x8000_0008, 0), 0, 1),
}


@pytest.mark.parametrize("name", DIFFERENCES)
def test_a_feature_less_is_found_and_named(name: str) -> None:
    sameness_start(True)
    leaf, register, mask = DIFFERENCES[name]
    changed(leaf, register, mask)
    found = difference()
    assert found is not None
    assert (int(WORDS[found].leaf), int(WORDS[found].register)) == (leaf[0], register)


def test_what_only_follows_cr4_and_where_the_processor_sits_are_no_differences() -> None:
    sameness_start(True)
    changed((1, 0), 2, 1 << 27)  # OSXSAVE
    changed((1, 0), 1, 0xFF << 24)  # APIC ID
    changed((7, 0), 2, 1 << 4)  # OSPKE
    assert difference() is None


def test_leaves_that_the_first_does_not_have_are_not_asked_for(vendor: str) -> None:
    sameness_start(False)
    changed((0x8000_0021 if vendor == "vmx" else 0x20, 0), 0, 1)
    assert difference() is None


def test_every_capability_of_virtualization_counts_where_guests_run(vendor: str) -> None:
    sameness_start(True)
    words = len(WORDS)
    if vendor == "svm":
        assert int(REFERENCE.count) == words + 3
        for place, register in enumerate((0, 1, 3)):
            changed((0x8000_000A, 0), register, 1)
            assert difference() == words + place
            changed((0x8000_000A, 0), register, 1)
    else:
        assert int(REFERENCE.count) == words + len(VMX_MSRS)
        for msr in VMX_MSRS:
            host.cpu.msrs[msr] ^= 1 << 40
            found = difference()
            assert found is not None and found >= words
            host.cpu.msrs[msr] ^= 1 << 40


def test_virtualization_does_not_count_where_no_guest_runs(vendor: str) -> None:
    sameness_start(False)
    changed((0x8000_000A, 0), 1, 1)
    host.cpu.msrs[0x480] ^= 1
    assert difference() is None
