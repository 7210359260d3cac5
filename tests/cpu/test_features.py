import pytest

from codegen.lang import Hva, host, u64
from hypervisor.cpu.features import FEATURES, features_start, words_for
from hypervisor.cpu.xstate import XSTATE, xstate_initialise, xstate_is_valid, xstate_load, xstate_save, xstate_start
from hypervisor.vcpu.contract import Capability


def test_features_come_from_their_bits() -> None:
    host.cpu.cpuid_leaves = {
        (0, 0): (0xD, 0, 0, 0),
        (1, 0): (0x806E9, 5 << 24, 1 << 21 | 1 << 26, 0),
        (7, 0): (0, 1 << 20, 0, 0),
        (0x8000_0000, 0): (0x8000_0008, 0, 0, 0),
        (0x8000_0001, 0): (0, 0, 0, 1 << 20),
        (0x8000_0007, 0): (0, 0, 0, 1 << 8),
        (0x8000_0008, 0): (0x3030, 0, 0, 0),
    }
    features_start()
    assert FEATURES.x2apic and FEATURES.xsave and not FEATURES.tsc_deadline
    assert FEATURES.smap and not FEATURES.smep
    assert FEATURES.no_execute and not FEATURES.large_1g and FEATURES.invariant_tsc
    assert int(FEATURES.physical_bits) == 48 and int(FEATURES.initial_apic_id) == 5


def test_leaves_beyond_the_highest_are_not_believed() -> None:
    every = (0xFFFF_FFFF,) * 4
    host.cpu.cpuid_leaves = {(0, 0): (1, 0, 0, 0), (7, 0): every, (0x8000_0000, 0): (0x8000_0000, 0, 0, 0)}
    host.cpu.cpuid_leaves |= {(leaf, 0): every for leaf in (0x8000_0001, 0x8000_0007, 0x8000_0008)}
    features_start()
    assert not FEATURES.smep and not FEATURES.no_execute and not FEATURES.invariant_tsc
    assert int(FEATURES.physical_bits) == 36


def test_every_missing_capability_has_its_words_and_a_remedy() -> None:
    texts = [bytes(words_for(capability)).decode() for capability in Capability]
    assert len(set(texts)) == len(texts)
    assert all(":" in text for text in texts[1:])


@pytest.fixture
def xsave() -> None:
    host.cpu.cpuid_leaves = {(0xD, 0): (0x3_02FF, 2696, 2696, 0)}
    xstate_start()


def test_extended_state_is_switched_on_with_what_is_supported(xsave: None) -> None:
    assert host.cpu.xcr0 == 0x2FF == int(XSTATE.mask)
    assert host.cpu.cr4 & 1 << 18 and host.cpu.cr4 & 1 << 9
    assert int(XSTATE.area_bytes) == 2696


def test_a_fresh_area_loads(xsave: None) -> None:
    area = Hva(host.memory.address(host.memory.allocate(4096), 4096))
    xstate_initialise(area)
    xstate_load(area)
    xstate_save(area)


@pytest.mark.parametrize(
    ("value", "valid"),
    [
        (0x1, True), (0x3, True), (0x7, True), (0xE7, True), (0x1F, True), (0x207, True), (0x2FF, True),
        (0x0, False), (0x2, False), (0x5, False), (0x9, False), (0x11, False), (0xE3, False), (0x67, False),
        (0x107, False), (1 << 63 | 1, False),
    ],
)  # fmt: skip
def test_xcr0_values_are_judged_as_the_processor_would(xsave: None, value: int, valid: bool) -> None:
    assert xstate_is_valid(u64(value)) == valid
