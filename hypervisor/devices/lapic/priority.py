"""Which interrupt is next: IRR, ISR, TMR and the priorities (SDM vol. 3A, section 11.8).

A word index summarises each bitmap, so the highest vector costs two bit scans, whatever the vector.
"""

from __future__ import annotations

from codegen.lang import fn, u32
from hypervisor.devices.lapic.state import LapicEffect, LocalApic, VectorBitmap

NO_VECTOR = 0x100  # above every vector
FIRST_LEGAL_VECTOR = 16
SOFTWARE_ENABLE = 1 << 8  # of SVR


@fn
def highest_bit(word: u32) -> u32:
    """The number of the highest bit that is set in `word`, which is not 0."""
    return word.leading_zeros() ^ 31


@fn(unchecked=True)
def highest_vector(words: u32, bitmap: VectorBitmap) -> u32:
    """The highest bit of `bitmap`, whose non-zero words are `words`; `words` is not 0."""
    word = highest_bit(words) & 7
    return word * 32 + highest_bit(bitmap.words[word])


@fn(unchecked=True)
def lapic_update_priority(lapic: LocalApic) -> None:
    """PPR from TPR and the highest vector in service (section 11.8.3.1)."""
    registers = lapic.registers
    priority = registers.task_priority
    if lapic.isr_words != 0:
        in_service = highest_vector(lapic.isr_words, registers.isr) & 0xF0
        if in_service > priority & 0xF0:
            priority = in_service
    registers.processor_priority = priority


@fn(unchecked=True)
def lapic_pending_vector(lapic: LocalApic) -> u32:
    """The vector that this APIC offers to its processor now, or NO_VECTOR."""
    if lapic.irr_words == 0:
        return u32(NO_VECTOR)
    vector = highest_vector(lapic.irr_words, lapic.registers.irr)
    if vector & 0xF0 <= lapic.registers.processor_priority & 0xF0:
        return u32(NO_VECTOR)
    return vector


@fn(unchecked=True)
def lapic_accept(lapic: LocalApic, vector: u32, level: bool) -> None:
    """Take a fixed interrupt into IRR. `vector` is legal, 16 to 255."""
    word = vector >> 5 & 7
    mask = u32(1) << (vector & 31)
    registers = lapic.registers
    registers.irr.words[word] = registers.irr.words[word] | mask
    lapic.irr_words = lapic.irr_words | u32(1) << word
    if level:
        registers.tmr.words[word] = registers.tmr.words[word] | mask
    else:
        registers.tmr.words[word] = registers.tmr.words[word] & ~mask


@fn(unchecked=True)
def lapic_take_vector(lapic: LocalApic, vector: u32) -> None:
    """The processor acknowledges `vector`, which `lapic_pending_vector` gave: from IRR to ISR."""
    word = vector >> 5 & 7
    mask = u32(1) << (vector & 31)
    registers = lapic.registers
    rest = registers.irr.words[word] & ~mask
    registers.irr.words[word] = rest
    if rest == 0:
        lapic.irr_words = lapic.irr_words & ~(u32(1) << word)
    registers.isr.words[word] = registers.isr.words[word] | mask
    lapic.isr_words = lapic.isr_words | u32(1) << word
    # The vector was above PPR, so it sets PPR alone.
    registers.processor_priority = vector & 0xF0


@fn(unchecked=True)
def lapic_end_of_interrupt(lapic: LocalApic) -> LapicEffect:
    """EOI (section 11.8.5): the highest vector in service is done. Without one in service nothing happens."""
    if lapic.isr_words == 0:
        return LapicEffect.NONE
    registers = lapic.registers
    word = highest_bit(lapic.isr_words) & 7
    in_service = registers.isr.words[word]
    bit = highest_bit(in_service) & 31
    mask = u32(1) << bit
    registers.isr.words[word] = in_service ^ mask
    if in_service == mask:
        lapic.isr_words = lapic.isr_words & ~(u32(1) << word)
    lapic_update_priority(lapic)
    if registers.tmr.words[word] & mask != 0:
        lapic.eoi_vector = word * 32 + bit
        return LapicEffect.END_OF_INTERRUPT
    if lapic.irr_words != 0:
        return LapicEffect.INTERRUPT
    return LapicEffect.NONE


@fn
def lapic_accepts_fixed(lapic: LocalApic) -> bool:
    """Software-enabled: otherwise only INIT, NMI, SMI and STARTUP messages are taken (section 11.4.7.2)."""
    return lapic.registers.spurious & SOFTWARE_ENABLE != 0


@fn
def lapic_set_task_priority(lapic: LocalApic, value: u32) -> LapicEffect:
    """TPR: lowering it may let an interrupt through. `value` is below 256."""
    lapic.registers.task_priority = value
    lapic_update_priority(lapic)
    return LapicEffect.INTERRUPT if lapic.irr_words != 0 else LapicEffect.NONE
