"""What a network device is besides a virtio device."""

from __future__ import annotations

from codegen.lang import Array, Field, Struct, count, fn, range, u8, u16, u32
from hypervisor.net.filter import AddressFilter, filter_reset
from hypervisor.net.port import SwitchPort
from hypervisor.net.port_life import port_listen, port_quiet, port_want

PAIRS = 2  # of queues, at most
FLOWS = 32


class NetState(Struct):
    """`port` (None: the device is none of a network) and `mtu` are the device's for the VM's life."""

    port: Field[SwitchPort | None]
    mtu: Field[u16]
    pairs: Field[u32]  # in use
    filter: AddressFilter  # as the driver sets it; the port has a copy
    steering: Array[u8] = count(FLOWS)  # the pair by which the guest sends such frames
    cut: Field[u32]  # bytes of the next frame's data that the driver has got, when it is cut
    woken: Field[u32]  # bit n: owner n of ports has to be told that something has come


@fn
def net_restart(net: NetState) -> None:
    """The driver has reset the device."""
    port = net.port
    if port is None:
        return
    port_quiet(port)
    filter_reset(net.filter)
    net.pairs = 1
    net.cut = 0
    for i in range(u32(FLOWS)):
        net.steering[i] = 0


@fn
def net_listen(net: NetState) -> None:
    """The driver has set it up."""
    port = net.port
    if port is not None:
        port_listen(port)


@fn(cold=True)
def net_want(net: NetState) -> None:
    """The driver may have changed the filter."""
    port = net.port
    if port is not None:
        port_want(port, net.filter)


@fn
def net_fail(net: NetState) -> None:
    """The driver has broken the rules: nothing more comes to it."""
    port = net.port
    if port is not None:
        port_quiet(port)
