"""The reset of an e1000, in steps that never wait: stop, reset, set up (8254x 14.3; 82574 4.6).

A card that takes no reset (QEMU's e1000) is right all the same, since everything that matters is written afterwards.
"""

from __future__ import annotations

from codegen.lang import fn, ports, u32, u64
from drivers.net.e1000.register_bits import (
    E1000Cause,
    E1000ReceiveControl,
    E1000TransmitControl,
)
from drivers.net.e1000.registers import E1000Ports, E1000Registers
from drivers.net.e1000.state import ABSENT, E1000Controller, E1000Stage, registers_of, still_answers

MILLISECOND = 1_000_000
SETTLE = 10 * MILLISECOND  # for DMA that is under way, and for a card to read its EEPROM
PATIENCE = 1000 * MILLISECOND


@fn(cold=True)
def reset_begin(card: E1000Controller, now: u64) -> None:
    """Stop it: no interrupt, nothing received or sent, no new request."""
    registers = registers_of(card)
    registers.imc.write(E1000Cause.of(u32(ABSENT)))
    registers.receive_control.write(E1000ReceiveControl())
    registers.transmit_control.write(E1000TransmitControl(pad=True))
    if card.express:
        registers.control.write(registers.control.read().replace(no_master=True, reset=False))
        registers.extcnf_ctrl.write(registers.extcnf_ctrl.read().replace(software=True))
    card.stage = E1000Stage.QUIET
    card.due = now.wrapping_add(SETTLE)
    card.deadline = now.wrapping_add(PATIENCE // 4)


@fn(cold=True)
def reset_step(card: E1000Controller, now: u64) -> None:
    """What is due, until the stage is RESET, STUCK or GONE."""
    if now < card.due:
        return
    if not still_answers(card):
        card.stage = E1000Stage.GONE
    elif card.stage == E1000Stage.QUIET:
        if not is_quiet(card) and now < card.deadline:
            card.due = now.wrapping_add(MILLISECOND)
            return
        command_reset(card)
        card.stage = E1000Stage.RESETTING
        card.due = now.wrapping_add(SETTLE)
        card.deadline = now.wrapping_add(PATIENCE)
    elif card.stage == E1000Stage.RESETTING:
        if is_reset(card):
            finish(card)
        elif now < card.deadline:
            card.due = now.wrapping_add(MILLISECOND)
        else:
            card.stage = E1000Stage.STUCK


@fn(cold=True)
def is_quiet(card: E1000Controller) -> bool:
    """No request is under way on PCI Express, and we have the PHY's registers, which a reset during an access of the
    firmware's would spoil. Nobody must wait for ever for either."""
    if not card.express:
        return True
    registers = registers_of(card)
    owner = registers.extcnf_ctrl.read()
    if not owner.software:
        registers.extcnf_ctrl.write(owner.replace(software=True))
    return owner.software and not registers.status.read().master


@fn(cold=True)
def command_reset(card: E1000Controller) -> None:
    """By the I/O BAR where there is one: a bridge may join writes to memory to one of 64 bits, which a card of the
    8254x family does not acknowledge any more."""
    control = registers_of(card).control.read()
    if card.reset_port == 0:
        registers_of(card).control.write(control.replace(reset=True))
        return
    indirect = ports(E1000Ports, card.reset_port)
    indirect.address.write(u32(E1000Registers.control.offset))
    indirect.data.write(u32(control.replace(reset=True)))


@fn(cold=True)
def is_reset(card: E1000Controller) -> bool:
    registers = registers_of(card)
    if registers.control.read().reset:
        return False
    return not card.express or registers.eecd.read().read_done


@fn(cold=True)
def finish(card: E1000Controller) -> None:
    """The firmware has the PHY again; no interrupt, and none left from before."""
    registers = registers_of(card)
    if card.express:
        registers.extcnf_ctrl.write(registers.extcnf_ctrl.read().replace(software=False))
    registers.imc.write(E1000Cause.of(u32(ABSENT)))
    registers.icr.read()
    card.stage = E1000Stage.RESET
