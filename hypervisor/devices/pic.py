"""The pair of 8259A interrupt controllers (8259A datasheet) with the ELCR of the PIIX3. `interrupt` is the INTR pin."""

from __future__ import annotations

from codegen.lang import Atomic, Field, Struct, fn, u8, u32
from drivers.interrupt.pic import CASCADE_IRQ, Eoi, Icw1, Icw4, Ocw2, Ocw3

CASCADE = 1 << CASCADE_IRQ
NOT_CASCADE = 0xFF & ~CASCADE
SPURIOUS = 7
NO_INPUT = 8
ELCR_MASTER_MASK = 0xF8  # IRQ 0, 1 and 2 cannot be level-triggered
ELCR_SLAVE_MASK = 0xDE  # nor 8 and 13


class Pic(Struct):
    """One 8259A. Masks have a bit per input."""

    irr: Field[u32]
    isr: Field[u32]
    imr: Field[u32]
    lines: Field[u32]  # what the inputs see
    elcr: Field[u32]  # level-triggered inputs
    elcr_mask: Field[u32]  # inputs that may be
    cascade: Field[u32]  # inputs that another 8259A drives
    lowest: Field[u32]  # the input with the lowest priority: 7 until rotated
    vector_base: Field[u32]
    next_icw: Field[u32]  # 2, 3 or 4 during initialisation, else 0
    icw4_needed: Field[bool]
    single: Field[bool]
    auto_eoi: Field[bool]
    rotate_on_auto_eoi: Field[bool]
    special_fully_nested: Field[bool]
    special_mask: Field[bool]
    read_isr: Field[bool]
    poll: Field[bool]
    output: Field[bool]  # INT


class PicPair(Struct):
    """Both, the slave at input 2 of the master. Inputs of the pair are IRQ 0 to 15."""

    master: Pic
    slave: Pic
    interrupt: Atomic[bool]  # INTR; processors look at it without asking anybody


@fn(cold=True)
def pic_reset(pair: PicPair) -> None:
    """After power-up nothing is defined: everything masked, until ICW1. The lines keep their levels."""
    reset_one(pair.master, u32(CASCADE), u32(ELCR_MASTER_MASK))
    reset_one(pair.slave, u32(0), u32(ELCR_SLAVE_MASK))
    pair.interrupt.store(False)


@fn(cold=True)
def reset_one(chip: Pic, cascade: u32, elcr_mask: u32) -> None:
    """One of the two."""
    lines = chip.lines
    chip.zero()
    chip.lines = lines
    chip.imr = 0xFF
    chip.lowest = 7
    chip.cascade = cascade
    chip.elcr_mask = elcr_mask


@fn(unchecked=True)
def highest_priority(chip: Pic, inputs: u32) -> u32:
    """How far the first of `inputs` (not 0) is from the highest priority: 0 to 7; 8 when there is none."""
    first = (chip.lowest + 1) & 7
    rotated = (inputs >> first | inputs << (8 - first)) & 0xFF
    return (rotated | 0x100).trailing_zeros()


@fn(unchecked=True)
def winner(chip: Pic) -> u32:
    """The input that may interrupt now, or NO_INPUT (datasheet: priority resolver, special mask and fully nested
    modes)."""
    requests = chip.irr & ~chip.imr
    if requests == 0:
        return u32(NO_INPUT)
    distance = highest_priority(chip, requests)
    blocking = chip.isr
    if chip.special_mask:
        # Special mask mode: an input in service whose mask bit is set no longer inhibits others.
        blocking = blocking & ~chip.imr
    if chip.special_fully_nested:
        blocking = blocking & ~chip.cascade
    if distance >= highest_priority(chip, blocking):
        return u32(NO_INPUT)
    return (distance + chip.lowest + 1) & 7


@fn
def update(pair: PicPair) -> None:
    """Work out both INT outputs. The slave's is an input of the master."""
    slave = pair.slave
    slave.output = winner(slave) != NO_INPUT
    master = pair.master
    # The slave drops INT in every INTA cycle, so a request that follows is seen again: like a level.
    master.irr = master.irr | CASCADE if slave.output else master.irr & NOT_CASCADE
    master.output = winner(master) != NO_INPUT
    if pair.interrupt.load() != master.output:
        pair.interrupt.store(master.output)


@fn
def drive(chip: Pic, mask: u32, asserted: bool) -> None:
    """An input changes: IRR follows a level and latches an edge."""
    if chip.elcr & mask != 0:
        chip.irr = chip.irr | mask if asserted else chip.irr & ~mask
    elif asserted:
        chip.irr = chip.irr | mask & ~chip.lines
    chip.lines = chip.lines | mask if asserted else chip.lines & ~mask


@fn
def pic_set_line(pair: PicPair, irq: u32, asserted: bool) -> None:
    """Drive IRQ 0 to 15; the cascade input and other numbers are no pins."""
    if irq >= 16 or irq == CASCADE_IRQ:
        return
    drive(pair.master if irq < 8 else pair.slave, u32(1) << (irq & 7), asserted)
    update(pair)


@fn
def acknowledge(chip: Pic, number: u32) -> None:
    """INTA for an input: an edge leaves IRR; in service until EOI, unless EOI is automatic."""
    mask = u32(1) << (number & 7)
    if (chip.elcr | chip.cascade) & mask == 0:
        chip.irr = chip.irr & ~mask
    if not chip.auto_eoi:
        chip.isr = chip.isr | mask
    elif chip.rotate_on_auto_eoi:
        chip.lowest = number & 7


@fn
def pic_acknowledge(pair: PicPair) -> u32:
    """The processor's INTA cycle: the vector. A request that has gone meanwhile gives the spurious input 7, or 15."""
    master = pair.master
    slave = pair.slave
    number = winner(master)
    vector = master.vector_base | SPURIOUS
    if number == CASCADE_IRQ:
        inner = winner(slave)
        vector = slave.vector_base | SPURIOUS
        if inner != NO_INPUT:
            acknowledge(slave, inner)
            vector = slave.vector_base | inner
    elif number != NO_INPUT:
        vector = master.vector_base | number
    if number != NO_INPUT:
        acknowledge(master, number)
    update(pair)
    return vector


@fn
def pic_read_command(pair: PicPair, chip: Pic) -> u32:
    """Port 20H or A0H: IRR, ISR or the poll word."""
    if chip.poll:
        return poll(pair, chip)
    return chip.isr if chip.read_isr else chip.irr


@fn
def pic_read_data(pair: PicPair, chip: Pic) -> u32:
    """Port 21H or A1H: the mask."""
    if chip.poll:
        return poll(pair, chip)
    return chip.imr


@fn(cold=True)
def poll(pair: PicPair, chip: Pic) -> u32:
    """Poll command: this read is the INTA; bit 7 says that there was a request."""
    chip.poll = False
    number = winner(chip)
    if number == NO_INPUT:
        return u32(0)
    acknowledge(chip, number)
    update(pair)
    return number | 0x80


@fn
def pic_write_command(pair: PicPair, chip: Pic, value: u8) -> None:
    """Port 20H or A0H: ICW1, OCW2 or OCW3."""
    if Icw1.of(value).start:
        start_initialisation(chip, Icw1.of(value))
    elif Ocw3.of(value).is_ocw3:
        write_ocw3(chip, Ocw3.of(value))
    else:
        write_ocw2(chip, Ocw2.of(value))
    update(pair)


@fn
def pic_write_data(pair: PicPair, chip: Pic, value: u8) -> None:
    """Port 21H or A1H: ICW2 to ICW4 during initialisation, else the mask."""
    step = chip.next_icw
    if step == 0:
        chip.imr = u32(value)
    elif step == 2:
        chip.vector_base = u32(value) & 0xF8
        chip.next_icw = u32(3) if not chip.single else after_icw3(chip)
    elif step == 3:
        # The wiring of the cascade is soldered.
        chip.next_icw = after_icw3(chip)
    else:
        word = Icw4.of(value)
        chip.auto_eoi = word.auto_eoi
        chip.special_fully_nested = word.special_fully_nested
        chip.next_icw = 0
    update(pair)


@fn
def after_icw3(chip: Pic) -> u32:
    """Whether ICW4 follows."""
    return u32(4) if chip.icw4_needed else u32(0)


@fn(cold=True)
def start_initialisation(chip: Pic, word: Icw1) -> None:
    """ICW1: edge latches, mask, service, modes and priorities are cleared; levels show again at once."""
    chip.irr = chip.lines & chip.elcr
    chip.isr = 0
    chip.imr = 0
    chip.lowest = 7
    chip.next_icw = 2
    chip.icw4_needed = word.icw4_needed
    chip.single = word.single
    chip.auto_eoi = False
    chip.rotate_on_auto_eoi = False
    chip.special_fully_nested = False
    chip.special_mask = False
    chip.read_isr = False
    chip.poll = False


@fn
def write_ocw3(chip: Pic, word: Ocw3) -> None:
    """Poll, which register to read, special mask mode."""
    chip.poll = word.poll
    if word.read_change:
        chip.read_isr = word.read_isr
    if word.special_mask_change:
        chip.special_mask = word.special_mask


@fn
def write_ocw2(chip: Pic, word: Ocw2) -> None:
    """The end-of-interrupt and rotation commands."""
    command = word.command
    level = u32(word.level)
    if command == Eoi.NON_SPECIFIC or command == Eoi.ROTATE_NON_SPECIFIC:
        in_service = chip.isr
        if chip.special_mask:
            # A non-specific EOI does not reach an input that special mask mode has masked.
            in_service = in_service & ~chip.imr
        distance = highest_priority(chip, in_service)
        if distance == NO_INPUT:
            return
        number = (distance + chip.lowest + 1) & 7
        chip.isr = chip.isr & ~(u32(1) << number)
        if command == Eoi.ROTATE_NON_SPECIFIC:
            chip.lowest = number
    elif command == Eoi.SPECIFIC or command == Eoi.ROTATE_SPECIFIC:
        chip.isr = chip.isr & ~(u32(1) << (level & 7))
        if command == Eoi.ROTATE_SPECIFIC:
            chip.lowest = level
    elif command == Eoi.SET_PRIORITY:
        chip.lowest = level
    elif command == Eoi.ROTATE_AUTO_SET:
        chip.rotate_on_auto_eoi = True
    elif command == Eoi.ROTATE_AUTO_CLEAR:
        chip.rotate_on_auto_eoi = False


@fn
def pic_write_elcr(pair: PicPair, chip: Pic, value: u8) -> None:
    """Port 4D0H or 4D1H. An input that becomes level-triggered shows its level; one that becomes edge-triggered keeps a
    request as if latched."""
    chip.elcr = u32(value) & chip.elcr_mask
    chip.irr = chip.irr & ~chip.elcr | chip.lines & chip.elcr
    update(pair)
