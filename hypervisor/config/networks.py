"""Networks and the devices that are plugged into them, held against each other; and the address of one that names
none."""

import hashlib
from collections.abc import Iterator, Sequence

from hypervisor.config.model import Net, Network, VmConfig
from hypervisor.config.processors import Found

LOCAL = 0x02
"""Of a MAC address's first byte: nobody has registered it (IEEE 802, 8.2.2)."""


def derived_mac(vm: str, place: int) -> bytes:
    """The same for ever for the device at this place of the VM with this name."""
    digest = hashlib.sha256(f"{vm}/{place}".encode()).digest()
    return bytes([digest[0] & 0xFC | LOCAL, *digest[1:6]])


def mac_text(mac: bytes) -> str:
    """As it is written."""
    return mac.hex(":")


def network_problems(networks: Sequence[Network | None], vms: Sequence[VmConfig | None]) -> Iterator[Found]:
    """Devices in networks that do not exist, and addresses that two have in one. An index that is None has problems
    enough."""
    names = [network.name for network in networks if network is not None]
    owners: dict[tuple[str, bytes], str] = {}
    for place, vm in enumerate(vms):
        for number, net in enumerate(vm.nets if vm is not None else (), 1):
            key = f"net {number}"
            if net.network not in names and None not in networks:
                known = f"write one of {', '.join(names)}" if names else "add a [[network]] table with this name"
                yield place, f'there is no network "{net.network}"', f"{key}.network", known
            owner = owners.setdefault((net.network, net.mac), vm.name if vm is not None else "")
            if vm is not None and owner != vm.name or list_before(vm, number - 1, net):
                what = f"{mac_text(net.mac)} is {owner}'s address in this network already"
                yield place, what, f"{key}.mac", "give each device an address of its own"


def list_before(vm: VmConfig | None, place: int, net: Net) -> bool:
    """Whether an earlier device of the same VM has the same address in the same network."""
    earlier = vm.nets[:place] if vm is not None else ()
    return any((other.network, other.mac) == (net.network, net.mac) for other in earlier)
