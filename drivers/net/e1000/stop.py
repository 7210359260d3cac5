"""The end of an e1000: it is gone, or has been given up."""

from __future__ import annotations

from codegen.lang import fn, u32
from drivers.net.e1000.register_bits import E1000Cause, E1000ReceiveControl, E1000TransmitControl
from drivers.net.e1000.setup import lose_frames
from drivers.net.e1000.state import ABSENT, ROOM_NONE, E1000Controller, E1000Stage, registers_of
from drivers.pci.quiet import read_command, write_command


@fn(cold=True)
def give_up(card: E1000Controller) -> None:
    """No interrupt and no DMA any more, if it is still there. Nothing wakes it again."""
    registers = registers_of(card)
    registers.imc.write(E1000Cause.of(u32(ABSENT)))
    registers.receive_control.write(E1000ReceiveControl())
    registers.transmit_control.write(E1000TransmitControl())
    function = card.function
    if function is not None:
        write_command(function, read_command(function).replace(bus_master=False, no_intx=True))
    card.stage = E1000Stage.GONE
    card.send_room = ROOM_NONE
    lose_frames(card)
    port = card.port
    if port is not None:
        port.link = False
        port.megabits = 0
        port.gone = True
