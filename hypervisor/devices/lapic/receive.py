"""What others have posted becomes the local APIC's own, by the processor that runs its vCPU."""

from __future__ import annotations

from codegen.lang import fn, range, u32
from hypervisor.devices.lapic.local import lapic_lint0_edge, lapic_report_error
from hypervisor.devices.lapic.posted import ERRORS, LEVELS, LINT0, WORDS, discard_posted
from hypervisor.devices.lapic.state import LapicEffect, LapicMode, LocalApic


@fn
def lapic_receive(lapic: LocalApic) -> LapicEffect:
    """Take all that was posted: vectors into IRR and TMR, errors, a rise of LINT0. INTERRUPT where one may have become
    deliverable, or NMI. A disabled APIC takes nothing."""
    if lapic.posted.summary.load() == 0:
        return LapicEffect.NONE
    return receive_all(lapic)


@fn(noinline=True)
def receive_all(lapic: LocalApic) -> LapicEffect:
    """The same; something is there."""
    posted = lapic.posted
    if lapic.mode == LapicMode.DISABLED:
        discard_posted(posted)
        return LapicEffect.NONE
    named = posted.summary.exchange(u32(0))
    for word in range(u32(WORDS)):
        if named >> word & (1 | 1 << LEVELS) != 0:
            edges = posted.edges[word].bits.exchange(u32(0))
            levels = posted.levels[word].bits.exchange(u32(0))
            receive_word(lapic, word, edges, levels)
    effect = LapicEffect.INTERRUPT
    if named & ERRORS != 0:
        effect = lapic_report_error(lapic, posted.errors.exchange(u32(0)))
    if named & LINT0 != 0 and lapic_lint0_edge(lapic) == LapicEffect.NMI:
        effect = LapicEffect.NMI
    return effect


@fn(unchecked=True)
def receive_word(lapic: LocalApic, word: u32, edges: u32, levels: u32) -> None:
    """The vectors of one word, as `lapic_accept` takes them one by one."""
    if edges | levels == 0:
        return
    registers = lapic.registers
    registers.irr.words[word & 7] = registers.irr.words[word & 7] | edges | levels
    registers.tmr.words[word & 7] = registers.tmr.words[word & 7] & ~edges | levels
    lapic.irr_words = lapic.irr_words | u32(1) << (word & 7)
