"""The one table of mitigations: weakness, what the processor says, and what Keelback does about it.

For each weakness the first rule wins whose `needs` are all set and whose `unless` are all clear. A processor that
enumerates no remedy (microcode from before 2018, and emulators) leaves UNPROTECTED, which the log says.
"""

from __future__ import annotations

from codegen.lang import Field, HwEnum, Struct, init, table, u32, u64
from hypervisor.cpu.speculation import SpeculationBits


class Weakness(HwEnum, repr=u32):
    """What a guest could exploit, by its usual name."""

    SPECTRE_V2 = 0  # the guest trains the monitor's indirect branches
    SPECTRE_V2_GUESTS = 1  # one guest trains another's
    RETURN_STACK = 2  # the monitor returns by the guest's return stack
    BRANCH_HISTORY = 3  # BHI, in spite of enhanced IBRS
    RETBLEED = 4  # returns are predicted like indirect branches
    SRSO = 5  # speculative return stack overflow
    MDS = 6  # microarchitectural data sampling
    TAA = 7  # TSX asynchronous abort
    MMIO_STALE_DATA = 8
    RFDS = 9  # register file data sampling
    TSA = 10  # transient scheduler attacks
    L1TF = 11  # L1 terminal fault: absent page-table entries read the L1 data cache
    ITLB_MULTIHIT = 12  # a page-size change in the guest ends in a machine check of the host
    SIBLING_THREAD = 13  # whatever hyperthreads share


WEAKNESSES = 14


class Action(HwEnum, repr=u32):
    """What is done, and where; UNDECIDED only until the table has been read."""

    UNDECIDED = 0
    NOT_AFFECTED = 1
    UNPROTECTED = 2
    ENHANCED_IBRS = 3  # SPEC_CTRL.IBRS, once
    AUTOMATIC_IBRS = 4  # EFER.AIBRSE, once
    IBRS_AT_EXIT = 5  # SPEC_CTRL.IBRS written at each exit, cleared at each entry
    IBPB_AT_EXIT = 6  # PRED_CMD at each exit
    IBPB_AT_SWITCH = 7  # PRED_CMD when a vCPU of another VM gets the processor
    FILL_AT_EXIT = 8  # 32 calls fill the return stack
    BHI_DIS_S = 9  # SPEC_CTRL.BHI_DIS_S, once
    CLEAR_AT_EXIT = 10  # a loop of branches overwrites the history
    BP_SPEC_REDUCE = 11  # BP_CFG, once
    VERW_AT_ENTRY = 12
    FLUSH_AT_TURN = 13  # IA32_FLUSH_CMD before each turn of a vCPU
    SMALL_CODE_PAGES = 14  # large second-level leaves are not executable; a fetch splits them
    UNUSED = 15  # one thread of the machine runs, its siblings rest


ACTIONS = 16


class Rule(Struct):
    """One line of the table."""

    weakness: Field[Weakness]
    action: Field[Action]
    needs: Field[u64]  # SpeculationBits
    unless: Field[u64]


def rule(weakness: Weakness, action: Action, needs: str = "", unless: str = "") -> Rule:
    """A line from the names of bits, separated by spaces."""
    return init(Rule, weakness=weakness, action=action, needs=mask(needs), unless=mask(unless))


def mask(names: str) -> int:
    """Bits of SpeculationBits by their names."""
    return int(u64(SpeculationBits(**dict.fromkeys(names.split(), True))))


RULES = table(
    Rule,
    [
        rule(Weakness.SPECTRE_V2, Action.AUTOMATIC_IBRS, "automatic_ibrs"),
        rule(Weakness.SPECTRE_V2, Action.ENHANCED_IBRS, "enhanced_ibrs"),
        rule(Weakness.SPECTRE_V2, Action.IBRS_AT_EXIT, "intel ibrs"),
        rule(Weakness.SPECTRE_V2, Action.IBPB_AT_EXIT, "amd ibpb"),
        rule(Weakness.SPECTRE_V2, Action.UNPROTECTED),
        rule(Weakness.SPECTRE_V2_GUESTS, Action.IBPB_AT_SWITCH, "ibpb"),
        rule(Weakness.SPECTRE_V2_GUESTS, Action.UNPROTECTED),
        # Automatic IBRS clears the return stack at each exit; IBPB does so where IBPB_RET says so.
        rule(Weakness.RETURN_STACK, Action.NOT_AFFECTED, "automatic_ibrs"),
        rule(Weakness.RETURN_STACK, Action.NOT_AFFECTED, "enhanced_ibrs pbrsb_no"),
        rule(Weakness.RETURN_STACK, Action.IBPB_AT_EXIT, "amd ibpb ibpb_ret"),
        rule(Weakness.RETURN_STACK, Action.FILL_AT_EXIT, "ibpb"),
        # Without IBRS and IBPB the branch predictors are open: to fill the return stack alone would protect nothing.
        rule(Weakness.RETURN_STACK, Action.UNPROTECTED),
        rule(Weakness.BRANCH_HISTORY, Action.BHI_DIS_S, "enhanced_ibrs bhi_control", unless="bhi_no"),
        rule(Weakness.BRANCH_HISTORY, Action.CLEAR_AT_EXIT, "enhanced_ibrs", unless="bhi_no"),
        rule(Weakness.BRANCH_HISTORY, Action.NOT_AFFECTED),
        rule(Weakness.RETBLEED, Action.NOT_AFFECTED, "enhanced_ibrs"),
        rule(Weakness.RETBLEED, Action.IBRS_AT_EXIT, "intel ibrs"),
        rule(Weakness.RETBLEED, Action.IBPB_AT_EXIT, "zen_1_or_2 ibpb", unless="btc_no"),
        rule(Weakness.RETBLEED, Action.UNPROTECTED, "zen_1_or_2", unless="btc_no"),
        rule(Weakness.RETBLEED, Action.NOT_AFFECTED, "amd"),
        rule(Weakness.RETBLEED, Action.UNPROTECTED),
        rule(Weakness.SRSO, Action.NOT_AFFECTED, "intel"),
        rule(Weakness.SRSO, Action.NOT_AFFECTED, "srso_no"),
        rule(Weakness.SRSO, Action.BP_SPEC_REDUCE, "bp_spec_reduce"),
        rule(Weakness.SRSO, Action.IBPB_AT_EXIT, "zen_1_or_2 ibpb"),
        rule(Weakness.SRSO, Action.IBPB_AT_EXIT, "zen_3_or_4 ibpb"),
        rule(Weakness.SRSO, Action.UNPROTECTED, "zen_1_or_2"),
        rule(Weakness.SRSO, Action.UNPROTECTED, "zen_3_or_4"),
        rule(Weakness.SRSO, Action.NOT_AFFECTED),
        rule(Weakness.MDS, Action.NOT_AFFECTED, "amd"),
        rule(Weakness.MDS, Action.NOT_AFFECTED, "mds_no"),
        rule(Weakness.MDS, Action.VERW_AT_ENTRY, "md_clear"),
        rule(Weakness.MDS, Action.UNPROTECTED),
        rule(Weakness.TAA, Action.VERW_AT_ENTRY, "intel rtm md_clear", unless="taa_no"),
        rule(Weakness.TAA, Action.UNPROTECTED, "intel rtm", unless="taa_no"),
        rule(Weakness.TAA, Action.NOT_AFFECTED),
        rule(Weakness.MMIO_STALE_DATA, Action.NOT_AFFECTED, "amd"),
        rule(Weakness.MMIO_STALE_DATA, Action.NOT_AFFECTED, "fbsdp_no"),
        rule(Weakness.MMIO_STALE_DATA, Action.VERW_AT_ENTRY, "fb_clear"),
        # Where VERW clears for MDS, it clears the fill buffers too.
        rule(Weakness.MMIO_STALE_DATA, Action.VERW_AT_ENTRY, "md_clear", unless="mds_no"),
        rule(Weakness.MMIO_STALE_DATA, Action.UNPROTECTED),
        rule(Weakness.RFDS, Action.VERW_AT_ENTRY, "rfds_clear", unless="rfds_no"),
        rule(Weakness.RFDS, Action.NOT_AFFECTED),
        rule(Weakness.TSA, Action.VERW_AT_ENTRY, "amd verw_clear", unless="tsa_no"),
        rule(Weakness.TSA, Action.UNPROTECTED, "zen_3_or_4", unless="tsa_no"),
        rule(Weakness.TSA, Action.NOT_AFFECTED),
        rule(Weakness.L1TF, Action.NOT_AFFECTED, "amd"),
        rule(Weakness.L1TF, Action.NOT_AFFECTED, "rdcl_no"),
        rule(Weakness.L1TF, Action.NOT_AFFECTED, "skip_l1d_flush"),
        rule(Weakness.L1TF, Action.FLUSH_AT_TURN, "flush_l1d"),
        rule(Weakness.L1TF, Action.UNPROTECTED),
        rule(Weakness.ITLB_MULTIHIT, Action.NOT_AFFECTED, "amd"),
        rule(Weakness.ITLB_MULTIHIT, Action.NOT_AFFECTED, "page_size_change_no"),
        rule(Weakness.ITLB_MULTIHIT, Action.SMALL_CODE_PAGES),
        rule(Weakness.SIBLING_THREAD, Action.UNUSED),
    ],
)
