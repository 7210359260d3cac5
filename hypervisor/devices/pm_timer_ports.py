"""The power-management timer on the port bus."""

from __future__ import annotations

from codegen.lang import fn, u32, u64
from hypervisor.devices.board import Board
from hypervisor.devices.pm_timer import PM_TIMER_PORT, pm_timer_read
from hypervisor.devices.port_claims import claim_ports, ignore_write


@fn
def read_timer(board: Board, port: u32, width: u32, now: u64) -> u32:
    """Any bytes of the counter."""
    return pm_timer_read(now) >> ((port & 3) * 8)


claim_ports(PM_TIMER_PORT, 4, read_timer, ignore_write, widths=(1, 2, 4))
