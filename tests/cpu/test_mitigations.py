import pytest

from codegen.lang import host
from hypervisor.console.log import LOG
from hypervisor.cpu.mitigation_table import Action, Weakness
from hypervisor.cpu.mitigations import (
    MITIGATIONS,
    Guards,
    flush_l1d,
    forget_branches,
    met,
    mitigations_start,
)
from tests.cpu.processors import PROCESSORS

A = Action
NONE = {weakness: A.NOT_AFFECTED for weakness in Weakness} | {Weakness.SIBLING_THREAD: A.UNUSED}

EXPECTED = {
    "Skylake-X, microcode of 2017": {
        Weakness.SPECTRE_V2: A.UNPROTECTED,
        Weakness.SPECTRE_V2_GUESTS: A.UNPROTECTED,
        Weakness.RETURN_STACK: A.UNPROTECTED,
        Weakness.RETBLEED: A.UNPROTECTED,
        Weakness.MDS: A.UNPROTECTED,
        Weakness.TAA: A.UNPROTECTED,
        Weakness.MMIO_STALE_DATA: A.UNPROTECTED,
        Weakness.L1TF: A.UNPROTECTED,
        Weakness.ITLB_MULTIHIT: A.SMALL_CODE_PAGES,
    },
    "Skylake-X": {
        Weakness.SPECTRE_V2: A.IBRS_AT_EXIT,
        Weakness.SPECTRE_V2_GUESTS: A.IBPB_AT_SWITCH,
        Weakness.RETURN_STACK: A.FILL_AT_EXIT,
        Weakness.RETBLEED: A.IBRS_AT_EXIT,
        Weakness.MDS: A.VERW_AT_ENTRY,
        Weakness.TAA: A.VERW_AT_ENTRY,
        Weakness.MMIO_STALE_DATA: A.VERW_AT_ENTRY,
        Weakness.L1TF: A.FLUSH_AT_TURN,
        Weakness.ITLB_MULTIHIT: A.SMALL_CODE_PAGES,
    },
    "Ice Lake": {
        Weakness.SPECTRE_V2: A.ENHANCED_IBRS,
        Weakness.SPECTRE_V2_GUESTS: A.IBPB_AT_SWITCH,
        Weakness.RETURN_STACK: A.FILL_AT_EXIT,
        Weakness.BRANCH_HISTORY: A.CLEAR_AT_EXIT,
        Weakness.MMIO_STALE_DATA: A.VERW_AT_ENTRY,
    },
    "Sapphire Rapids": {
        Weakness.SPECTRE_V2: A.ENHANCED_IBRS,
        Weakness.SPECTRE_V2_GUESTS: A.IBPB_AT_SWITCH,
        Weakness.BRANCH_HISTORY: A.BHI_DIS_S,
    },
    "EPYC (Zen 1), old microcode": {
        Weakness.SPECTRE_V2: A.UNPROTECTED,
        Weakness.SPECTRE_V2_GUESTS: A.UNPROTECTED,
        Weakness.RETURN_STACK: A.UNPROTECTED,
        Weakness.RETBLEED: A.UNPROTECTED,
        Weakness.SRSO: A.UNPROTECTED,
    },
    "EPYC (Zen 1)": {
        Weakness.SPECTRE_V2: A.IBPB_AT_EXIT,
        Weakness.SPECTRE_V2_GUESTS: A.IBPB_AT_SWITCH,
        Weakness.RETURN_STACK: A.FILL_AT_EXIT,
        Weakness.RETBLEED: A.IBPB_AT_EXIT,
        Weakness.SRSO: A.IBPB_AT_EXIT,
    },
    "Zen 3": {
        Weakness.SPECTRE_V2: A.IBPB_AT_EXIT,
        Weakness.SPECTRE_V2_GUESTS: A.IBPB_AT_SWITCH,
        Weakness.RETURN_STACK: A.FILL_AT_EXIT,
        Weakness.SRSO: A.IBPB_AT_EXIT,
        Weakness.TSA: A.VERW_AT_ENTRY,
    },
    "Zen 4": {
        Weakness.SPECTRE_V2: A.AUTOMATIC_IBRS,
        Weakness.SPECTRE_V2_GUESTS: A.IBPB_AT_SWITCH,
        Weakness.SRSO: A.IBPB_AT_EXIT,
        Weakness.TSA: A.VERW_AT_ENTRY,
    },
    "Zen 5": {
        Weakness.SPECTRE_V2: A.AUTOMATIC_IBRS,
        Weakness.SPECTRE_V2_GUESTS: A.IBPB_AT_SWITCH,
        Weakness.SRSO: A.BP_SPEC_REDUCE,
    },
}

GUARDS = {
    "Skylake-X, microcode of 2017": Guards(),
    "Skylake-X": Guards(ibrs=True, fill=True, verw=True),
    "Ice Lake": Guards(fill=True, clear=True, verw=True),
    "Sapphire Rapids": Guards(),
    "EPYC (Zen 1), old microcode": Guards(),
    "EPYC (Zen 1)": Guards(ibpb=True, fill=True),
    "Zen 3": Guards(ibpb=True, fill=True, verw=True),
    "Zen 4": Guards(ibpb=True, verw=True),
    "Zen 5": Guards(),
}


def start_on(name: str) -> None:
    PROCESSORS[name].install()
    mitigations_start()


@pytest.mark.parametrize("name", PROCESSORS)
def test_each_weakness_is_met_as_the_processors_bits_say(name: str) -> None:
    start_on(name)
    chosen = {weakness: MITIGATIONS.chosen[weakness.value] for weakness in Weakness}
    assert chosen == NONE | EXPECTED[name]


@pytest.mark.parametrize("name", PROCESSORS)
def test_entries_are_guarded_only_where_an_action_asks_for_it(name: str) -> None:
    start_on(name)
    assert MITIGATIONS.guards == GUARDS[name]


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("Skylake-X", []),
        ("EPYC (Zen 1), old microcode", []),
        ("Ice Lake", [("wrmsr", 0x48, 1)]),
        ("Sapphire Rapids", [("wrmsr", 0x48, 1 | 1 << 10)]),
        ("Zen 4", [("wrmsr", 0xC000_0080, 0x500 | 1 << 21)]),
        ("Zen 5", [("wrmsr", 0xC000_0080, 0x500 | 1 << 21), ("wrmsr", 0xC001_102E, 1 << 4)]),
    ],
)
def test_what_is_set_once_is_written_once(name: str, written: list[tuple[object, ...]]) -> None:
    start_on(name)
    assert [entry for entry in host.cpu.log if entry[0] == "wrmsr"] == written


def test_a_missing_remedy_is_a_warning() -> None:
    before = int(LOG.lines)
    start_on("Sapphire Rapids")
    assert int(LOG.lines) == before + 1
    start_on("EPYC (Zen 1), old microcode")
    assert int(LOG.lines) == before + 3


def test_every_action_has_words_of_its_own() -> None:
    words = []
    for action in Action:
        MITIGATIONS.chosen[0] = action
        text = met(Weakness.SPECTRE_V2)
        words.append(bytes(int(text[i]) for i in range(len(text))))
    assert len(set(words)) == len(Action)


def test_the_barriers_write_the_architectures_commands() -> None:
    start_on("Skylake-X")
    forget_branches()
    flush_l1d()
    assert host.cpu.log[-2:] == [("wrmsr", 0x49, 1), ("wrmsr", 0x10B, 1)]
