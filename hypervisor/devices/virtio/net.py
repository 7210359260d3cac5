"""The network device (virtio 1.2, 5.1): what it offers, and its configuration."""

from __future__ import annotations

from codegen.lang import fn, range, u8, u16, u32, u64
from drivers.virtio.net import (
    CSUM,
    CTRL_RX,
    CTRL_VQ,
    GUEST_CSUM,
    GUEST_TSO4,
    GUEST_TSO6,
    HOST_TSO4,
    HOST_TSO6,
    LINK_UP,
    MAC,
    MQ,
    MRG_RXBUF,
    MTU,
    STATUS,
    VirtioNetConfiguration,
)
from drivers.virtio.status import EVENT_INDEX, INDIRECT_DESCRIPTORS, VERSION_1
from hypervisor.devices.virtio.device import VirtioDevice, device_accepted
from hypervisor.devices.virtio.net_state import PAIRS
from hypervisor.net.port import SwitchPort

OFFLOADS = CSUM | GUEST_CSUM | GUEST_TSO4 | GUEST_TSO6 | HOST_TSO4 | HOST_TSO6
COMMANDS = CTRL_VQ | CTRL_RX | MQ
FEATURES = OFFLOADS | COMMANDS | MTU | MAC | MRG_RXBUF | STATUS | INDIRECT_DESCRIPTORS | EVENT_INDEX | VERSION_1


@fn(cold=True)
def net_start(device: VirtioDevice, port: SwitchPort, mtu: u32) -> None:
    """The device of a port."""
    device.net.port = port
    device.net.mtu = u16(mtu)
    device.queue_count = 2 * PAIRS + 1
    device.offered = u64(FEATURES)


@fn(cold=True)
def net_configuration(device: VirtioDevice, config: VirtioNetConfiguration) -> None:
    """What the driver reads."""
    port = device.net.port
    mac = u64(0) if port is None else port.mac
    for i in range(u32(6)):
        config.mac[i] = u8.trunc(mac >> (40 - 8 * i))
    config.status = LINK_UP
    config.max_virtqueue_pairs = PAIRS
    config.mtu = device.net.mtu


@fn
def control_queue(device: VirtioDevice) -> u32:
    """Its number (5.1.2)."""
    return u32(2 * PAIRS) if device_accepted(device, u64(MQ)) else u32(2)
