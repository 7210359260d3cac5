"""Frames that a guest sends: copied out of its memory once, and given to the switch."""

from __future__ import annotations

from codegen.lang import Local, fn, sizeof, span_at, span_of, u8, u32, u64, usize
from drivers.virtio.net import VirtioNetHeader
from hypervisor.devices.virtio.chain import Chain, chain_take
from hypervisor.devices.virtio.device import VirtioDevice
from hypervisor.devices.virtio.net_state import FLOWS
from hypervisor.devices.virtio.work import Work
from hypervisor.memory.guest import GuestMemory
from hypervisor.net.port import STAGING_BYTES, Drop, SwitchPort, count_drop
from hypervisor.net.switch import Passage, switch_forward

NET_HEADER_BYTES = sizeof(VirtioNetHeader)


@fn
def transmit_work(
    device: VirtioDevice, port: SwitchPort, pair: u32, chain: Chain, memory: GuestMemory, now: u64, work: Work
) -> bool:
    """One frame, by this pair of queues. False: it has no header, or is not in RAM."""
    work.finished = True
    header = Local(VirtioNetHeader)
    if not chain_take(chain, memory, u64(0), span_of(header)):
        return False
    bytes = chain.readable - NET_HEADER_BYTES
    if bytes > STAGING_BYTES:
        count_drop(port, Drop.MALFORMED)
        return True
    frame = span_at(port.staging, usize(bytes))
    if not chain_take(chain, memory, u64(NET_HEADER_BYTES), frame):
        return False
    passage = Local(Passage)
    switch_forward(port, frame, header, device.accepted, passage, now)
    net = device.net
    net.woken = net.woken | passage.woken
    net.steering[passage.flow % FLOWS] = u8(pair)
    work.moved = bytes + passage.copied
    return True
