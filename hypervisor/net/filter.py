"""Which frames a port wants: what its device's driver has asked for (virtio 1.2, 5.1.6.5.1). Senders look, so that
what nobody wants costs the receiver nothing."""

from __future__ import annotations

from codegen.lang import Array, Field, Struct, count, fn, min, range, u32, u64
from hypervisor.net.ethernet import BROADCAST, is_group

ADDRESSES = 16  # of each kind; with more of them the device takes all of this kind


class AddressList(Struct):
    """`length` may be more than there is room for."""

    length: Field[u32]
    addresses: Array[u64] = count(ADDRESSES)


class AddressFilter(Struct):
    """As the driver has set it."""

    promiscuous: Field[bool]
    all_multicast: Field[bool]
    unicast: AddressList
    multicast: AddressList


@fn
def filter_reset(filter: AddressFilter) -> None:
    """Nothing is held back until the driver asks for it."""
    filter.zero()
    filter.promiscuous = True


@fn
def filter_takes(filter: AddressFilter, mac: u64, own: u64) -> bool:
    """Whether a frame to `mac` is wanted by the station `own`."""
    if filter.promiscuous or mac == own or mac == BROADCAST:
        return True
    if is_group(mac):
        return filter.all_multicast or list_has(filter.multicast, mac)
    return list_has(filter.unicast, mac)


@fn
def list_has(list: AddressList, mac: u64) -> bool:
    """Whether it stands there, or may have found no room."""
    if list.length > ADDRESSES:
        return True
    for i in range(min(list.length, u32(ADDRESSES))):
        if list.addresses[i] == mac:
            return True
    return False
