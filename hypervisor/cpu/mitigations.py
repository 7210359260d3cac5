"""Mitigations of this machine: decided once from the table, said in one line, and applied where each belongs."""

from __future__ import annotations

from codegen.lang import (
    Array,
    BitStruct,
    Field,
    Span,
    Struct,
    bit,
    count,
    fn,
    len,
    range,
    rdmsr,
    span,
    storage,
    table,
    u32,
    u64,
    wrmsr,
)
from hypervisor.console.log import log, warn
from hypervisor.cpu.mitigation_table import ACTIONS, RULES, WEAKNESSES, Action, Weakness
from hypervisor.cpu.speculation import SpeculationBits, read_speculation_bits

IA32_SPEC_CTRL = 0x48
IA32_PRED_CMD = 0x49
IA32_FLUSH_CMD = 0x10B
EFER = 0xC000_0080
BP_CFG = 0xC001_102E  # AMD
SPEC_CTRL_IBRS = 1 << 0
SPEC_CTRL_BHI_DIS_S = 1 << 10
PRED_CMD_IBPB = 1 << 0
FLUSH_L1D = 1 << 0
EFER_AUTOMATIC_IBRS = 1 << 21
BP_CFG_SPEC_REDUCE = 1 << 4


class Guards(BitStruct, repr=u32):
    """What the back ends' entry code does around the guest; with none of them it takes its shortest way."""

    ibrs: bool = bit(0)  # SPEC_CTRL: 0 before the entry, IBRS behind the exit
    ibpb: bool = bit(1)  # PRED_CMD behind the exit
    fill: bool = bit(2)  # the return stack
    clear: bool = bit(3)  # the branch history
    verw: bool = bit(4)  # last before the entry


class Mitigations(Struct):
    """What was decided."""

    chosen: Array[Action] = count(WEAKNESSES)  # by Weakness
    guards: Field[Guards]
    switch_barrier: Field[bool]  # IBPB_AT_SWITCH
    flush_l1d: Field[bool]  # FLUSH_AT_TURN
    small_code_pages: Field[bool]


def guards_of() -> list[int]:
    """By Action, the guard that it needs."""
    guards = [Guards()] * ACTIONS
    guards[Action.IBRS_AT_EXIT.value] = Guards(ibrs=True)
    guards[Action.IBPB_AT_EXIT.value] = Guards(ibpb=True)
    guards[Action.FILL_AT_EXIT.value] = Guards(fill=True)
    guards[Action.CLEAR_AT_EXIT.value] = Guards(clear=True)
    guards[Action.VERW_AT_ENTRY.value] = Guards(verw=True)
    return [int(u32(guard)) for guard in guards]


MITIGATIONS = storage(Mitigations)
GUARDS = table(u32, guards_of())


@fn(cold=True)
def mitigations_start() -> None:
    """Decide, say so, and set what is set once. On the first processor."""
    decide(read_speculation_bits())
    say()
    mitigations_apply()


@fn(cold=True)
def decide(known: SpeculationBits) -> None:
    """Choose an action for each weakness, and sum up where they act."""
    for i in range(u32(WEAKNESSES)):
        MITIGATIONS.chosen[i] = Action.UNDECIDED
    bits = u64(known)
    for number in range(len(RULES)):
        rule = RULES[number]
        place = u32(rule.weakness)
        if (
            MITIGATIONS.chosen[place] == Action.UNDECIDED
            and bits & rule.needs == rule.needs
            and bits & rule.unless == 0
        ):
            MITIGATIONS.chosen[place] = rule.action
    guards = u32(0)
    for i in range(u32(WEAKNESSES)):
        guards = guards | GUARDS[u32(MITIGATIONS.chosen[i])]
    MITIGATIONS.guards = Guards.of(guards)
    MITIGATIONS.switch_barrier = is_chosen(Action.IBPB_AT_SWITCH)
    MITIGATIONS.flush_l1d = is_chosen(Action.FLUSH_AT_TURN)
    MITIGATIONS.small_code_pages = is_chosen(Action.SMALL_CODE_PAGES)


@fn(cold=True)
def is_chosen(action: Action) -> bool:
    """Whether any weakness is met by `action`."""
    for i in range(u32(WEAKNESSES)):
        if MITIGATIONS.chosen[i] == action:
            return True
    return False


@fn(cold=True)
def mitigations_apply() -> None:
    """What one processor sets once and keeps: guests see none of these registers."""
    control = u64(0)
    if is_chosen(Action.ENHANCED_IBRS):
        control = control | SPEC_CTRL_IBRS
    if is_chosen(Action.BHI_DIS_S):
        control = control | SPEC_CTRL_BHI_DIS_S
    if control != 0:
        wrmsr(u32(IA32_SPEC_CTRL), control)
    if is_chosen(Action.AUTOMATIC_IBRS):
        wrmsr(u32(EFER), rdmsr(u32(EFER)) | EFER_AUTOMATIC_IBRS)
    if is_chosen(Action.BP_SPEC_REDUCE):
        wrmsr(u32(BP_CFG), rdmsr(u32(BP_CFG)) | BP_CFG_SPEC_REDUCE)


@fn(noinline=True)
def forget_branches() -> None:
    """IBPB: what this processor has learnt of branches so far predicts nothing any more."""
    wrmsr(u32(IA32_PRED_CMD), u64(PRED_CMD_IBPB))


@fn(noinline=True)
def flush_l1d() -> None:
    """Write back and drop the L1 data cache: the guest that runs next finds nobody else's data there."""
    wrmsr(u32(IA32_FLUSH_CMD), u64(FLUSH_L1D))


@fn(cold=True)
def say() -> None:
    """One line for all, and a warning when the processor offers no remedy for some."""
    log(
        f"mitigations: spectre-v2 {met(Weakness.SPECTRE_V2)}, between guests {met(Weakness.SPECTRE_V2_GUESTS)}, "
        f"return stack {met(Weakness.RETURN_STACK)}, bhi {met(Weakness.BRANCH_HISTORY)}, "
        f"retbleed {met(Weakness.RETBLEED)}, srso {met(Weakness.SRSO)}, mds {met(Weakness.MDS)}, "
        f"taa {met(Weakness.TAA)}, mmio {met(Weakness.MMIO_STALE_DATA)}, rfds {met(Weakness.RFDS)}, "
        f"tsa {met(Weakness.TSA)}, l1tf {met(Weakness.L1TF)}, itlb {met(Weakness.ITLB_MULTIHIT)}, "
        f"siblings {met(Weakness.SIBLING_THREAD)}"
    )
    if is_chosen(Action.UNPROTECTED):
        warn("this processor names no remedy for some weaknesses: update the firmware or its microcode")


@fn(cold=True)
def met(weakness: Weakness) -> Span:
    """How a weakness is met, in a word or two."""
    match MITIGATIONS.chosen[u32(weakness)]:
        case Action.UNDECIDED:
            return span(b"undecided")
        case Action.NOT_AFFECTED:
            return span(b"not affected")
        case Action.UNPROTECTED:
            return span(b"UNPROTECTED")
        case Action.ENHANCED_IBRS:
            return span(b"enhanced IBRS")
        case Action.AUTOMATIC_IBRS:
            return span(b"automatic IBRS")
        case Action.IBRS_AT_EXIT:
            return span(b"IBRS at exit")
        case Action.IBPB_AT_EXIT:
            return span(b"IBPB at exit")
        case Action.IBPB_AT_SWITCH:
            return span(b"IBPB at switch")
        case Action.FILL_AT_EXIT:
            return span(b"filled at exit")
        case Action.BHI_DIS_S:
            return span(b"BHI_DIS_S")
        case Action.CLEAR_AT_EXIT:
            return span(b"cleared at exit")
        case Action.BP_SPEC_REDUCE:
            return span(b"BP_SPEC_REDUCE")
        case Action.VERW_AT_ENTRY:
            return span(b"VERW at entry")
        case Action.FLUSH_AT_TURN:
            return span(b"L1D flush")
        case Action.SMALL_CODE_PAGES:
            return span(b"small code pages")
        case Action.UNUSED:
            return span(b"unused")
