"""The link of an e1000: what the card says of it, and the PHY that firmware may have put to sleep."""

from __future__ import annotations

from codegen.lang import fn, pause, table, u8, u16, u32
from drivers.host import moment
from drivers.net.e1000.register_bits import E1000Mdic, E1000PhyControl, E1000PhyOperation
from drivers.net.e1000.state import ABSENT, E1000Controller, registers_of

PHY = 1  # the only address that the cards' own PHYs have
PATIENCE = 10_000_000  # ns for an access, which takes 64 us
MEGABITS = table(u32, [10, 100, 1000, 1000])


@fn(cold=True)
def look_at_link(card: E1000Controller) -> bool:
    """Whether there is one; the port knows it then."""
    port = card.port
    status = registers_of(card).status.read()
    linked = status.link and u32(status) != ABSENT
    if port is not None:
        port.link = linked
        port.megabits = MEGABITS[status.speed] if linked else u32(0)
    return linked


@fn(cold=True)
def wake_phy(card: E1000Controller) -> None:
    """Powered down by whoever had the card before, it negotiates now. A PHY that does not answer is left alone."""
    value = phy_access(card, E1000Mdic(phy=u8(PHY), operation=E1000PhyOperation.READ))
    if value is None:
        return
    control = E1000PhyControl.of(value)
    if control.powered_down:
        awake = control.replace(powered_down=False, restart=True, negotiate=True)
        write = E1000Mdic(phy=u8(PHY), operation=E1000PhyOperation.WRITE, data=u16(awake))
        if phy_access(card, write) is None:
            return


@fn(cold=True)
def phy_access(card: E1000Controller, access: E1000Mdic) -> u16 | None:
    """Of one register (8254x 13.4.9); None when it fails."""
    registers = registers_of(card)
    registers.mdic.write(access)
    deadline = moment().wrapping_add(PATIENCE)
    while moment() < deadline:
        answer = registers.mdic.read()
        if answer.ready:
            return None if answer.error else answer.data
        pause()
    return None
