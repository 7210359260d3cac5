"""Interrupts of an e1000: by a message, by a line, or not at all (8254x 13.4.17; 82574 7.4)."""

from __future__ import annotations

from codegen.lang import fn, u8, u32
from drivers.interrupt.message import MessageAddress, MessageData
from drivers.net.e1000.link import look_at_link
from drivers.net.e1000.register_bits import E1000Cause
from drivers.net.e1000.setup import CAUSES
from drivers.net.e1000.state import ABSENT, E1000, E1000Controller, E1000Stage, registers_of
from drivers.net.e1000.stop import give_up
from drivers.pci.msi import msi_enable
from drivers.pci.quiet import read_command, write_command

NO_LINE = 0xFF


@fn(cold=True)
def e1000_connect(controller: u32, address: MessageAddress, data: MessageData) -> bool:
    """Send this message from now on; the card starts silent. False when it cannot: then there is `e1000_line`, or
    receiving, `e1000_room` and `e1000_tick` are tried from time to time."""
    card = E1000.controllers[controller]
    function = card.function
    if function is None or not msi_enable(function, address, data):
        return False
    unmask(card)
    return True


@fn(cold=True)
def e1000_line(controller: u32) -> u8:
    """The line that firmware says its INTx# goes to, which is level-triggered and asserted until `e1000_interrupt`, and
    may be; NO_LINE when there is none."""
    card = E1000.controllers[controller]
    function = card.function
    if function is None or function.interrupt_pin == 0 or function.interrupt_line == NO_LINE:
        return u8(NO_LINE)
    write_command(function, read_command(function).replace(no_intx=False))
    unmask(card)
    return function.interrupt_line


@fn(cold=True)
def unmask(card: E1000Controller) -> None:
    card.interrupts = True
    if card.stage == E1000Stage.RUNNING:
        card.unmasked = CAUSES
        registers_of(card).ims.write(CAUSES)


@fn
def e1000_interrupt(controller: u32) -> bool:
    """Acknowledge it; whether it was the card's. Then there may be frames, room, or another link."""
    card = E1000.controllers[controller]
    if card.stage != E1000Stage.RUNNING:
        return False
    cause = registers_of(card).icr.read()
    if u32(cause) == ABSENT:
        give_up(card)
        return False
    if cause.link_changed:
        look_at_link(card)
    if cause.sent and card.unmasked.sent:
        card.unmasked = card.unmasked.replace(sent=False)
        registers_of(card).imc.write(E1000Cause(sent=True))
        return True
    return u32(cause) & u32(card.unmasked) != 0
