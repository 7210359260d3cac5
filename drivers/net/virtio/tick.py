"""A virtio network device is looked after: link, frames that do not leave, failures."""

from __future__ import annotations

from codegen.lang import fn, u32, u64
from drivers.net.port import NET
from drivers.net.virtio.send import reclaim_all
from drivers.net.virtio.setup import net_set_up
from drivers.net.virtio.state import NETS, VirtioNet
from drivers.virtio.configuration import configuration16
from drivers.virtio.net import LINK_UP, STATUS, VirtioNetConfiguration
from drivers.virtio.recovery import POLL, Recovery, recovery_step
from drivers.virtio.transport import Life, transport_has, transport_stop

NEVER = (1 << 64) - 1
LOOK = 1_000_000_000  # ns between two looks
SEND_PATIENCE = 5_000_000_000  # ns for a frame to leave, from the look that finds it


@fn(cold=True)
def virtio_net_tick(controller: u32, now: u64) -> u64:
    """Look after a device: `now` is ns of `moment()`. After its interrupt too, which tells of the link as well. Gives
    when to call again; NEVER when it is gone."""
    net = NETS.nets[controller]
    life = net.transport.life
    if life == Life.ABSENT or life == Life.GONE:
        return u64(NEVER)
    reclaim_all(net)
    match recovery_step(net.transport, now, is_late(net, now)):
        case Recovery.HEALTHY:
            NET.ports[net.port].link = link_is_up(net)
        case Recovery.WAIT:
            NET.ports[net.port].link = False
            return now + POLL
        case Recovery.AT_REST:
            if not net_set_up(net):
                return lose(net)
            NET.ports[net.port].link = link_is_up(net)
        case Recovery.LOST:
            return lose(net)
    return now + LOOK


@fn(cold=True)
def lose(net: VirtioNet) -> u64:
    """The device is gone, or as good as that."""
    transport_stop(net.transport)
    port = NET.ports[net.port]
    port.link = False
    port.gone = True
    return u64(NEVER)


@fn(cold=True)
def is_late(net: VirtioNet, now: u64) -> bool:
    """Whether a frame has been on its way for SEND_PATIENCE. Those of one moment are watched until each has left."""
    if net.watched == 0:
        net.watched = net.sending
        net.watched_at = now
        return False
    return now.saturating_sub(net.watched_at) >= SEND_PATIENCE


@fn(cold=True)
def link_is_up(net: VirtioNet) -> bool:
    """A device that does not know is always up (5.1.4.2)."""
    if not transport_has(net.transport, u64(STATUS)):
        return True
    return configuration16(net.transport, u32(VirtioNetConfiguration.status.offset)) & LINK_UP != 0
