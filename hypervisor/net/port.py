"""The ports of all switches. Port n of VM v has number v * NETS_MAX + n; behind the guests' there is room for the
machine's cards."""

from __future__ import annotations

from codegen.lang import (
    Array,
    Atomic,
    Field,
    Hva,
    HwEnum,
    Struct,
    count,
    fn,
    storage_array,
    u16,
    u32,
    u64,
)
from drivers.net.port import PORTS_MAX as CARD_PORTS_MAX
from hypervisor.config.manifest import NETS_MAX, NETWORKS_MAX, VLANS_MAX, VMS_MAX
from hypervisor.cpu.spin_lock import SpinLock
from hypervisor.net.bucket import Bucket
from hypervisor.net.filter import AddressFilter
from hypervisor.net.frame_ring import RING_BYTES, FrameRing
from hypervisor.net.learned import LearnedTable

FIRST_CARD = VMS_MAX * NETS_MAX
PORTS_MAX = FIRST_CARD + CARD_PORTS_MAX
CARDS = VMS_MAX  # whose ports the machine's are, where a guest's are its VM's
NO_VLAN = 0xFFFF
STAGING_BYTES = 68 << 10
MEMORY_FRAMES = (RING_BYTES + STAGING_BYTES) // 4096  # of each port
assert PORTS_MAX <= 64, "Network.members has a bit for each"


class Drop(HwEnum, repr=u32):
    """Why a frame does not arrive. The first ones happen where it is sent, the others where it should have arrived."""

    MALFORMED = 0  # shorter than a header, longer than allowed, or its header asks for what cannot be
    SPOOFED = 1  # the source is not the port's own address
    VLAN = 2  # it has a tag that the port may not use, or two
    RATE = 3  # more than the port's rate
    FULL = 4  # the receiver has not taken what came before
    CLOSED = 5  # the receiver's device is not set up
    UNWANTED = 6  # the receiver has asked not to get such ones
    TOO_LONG = 7  # for the receiver's buffers
    UNCUT = 8  # it would have to be cut for the receiver, and cannot be


DROPS = 9


class SwitchPort(Struct, align=64):
    """One port. Its configuration is there as long as it is in `Network.members`, and never changes.

    `lock` is for who writes into `ring`, with the drops from FULL to UNWANTED; what is counted elsewhere belongs to who
    holds the board's lock of its VM. `listening` changes under both.
    """

    lock: SpinLock
    is_open: Field[bool]  # under the lock: `ring` has memory
    listening: Atomic[u32]  # 1: its device takes frames
    network: Field[u32]
    owner: Field[u32]  # number of the VM, or CARDS
    number: Field[u32]  # among its owner's
    plain_vlan: Field[u32]  # to which frames without a tag belong (0: to none, which is like one more), or NO_VLAN
    tag_count: Field[u32]
    tags: Array[u16] = count(VLANS_MAX)  # VLANs whose frames it sends and gets with a tag
    mac: Field[u64]  # its station's, 0 for none: not learned, and nobody else's
    any_source: Field[bool]  # it may send from other addresses, too, which are learned
    frame_bytes: Field[u32]  # of the longest frame, without a tag
    limit: Bucket  # of what it sends
    filter: AddressFilter  # of what it wants; under the lock
    learned: LearnedTable
    ring: FrameRing  # what it is to receive
    staging: Field[Hva]  # STAGING_BYTES for who holds the board's lock
    sent: Field[u64]  # frames that the switch took
    sent_bytes: Field[u64]
    received: Field[u64]  # frames that its device has given to the driver
    received_bytes: Field[u64]
    drops: Array[u64] = count(DROPS)


class Network(Struct):
    """Bit n of `members`: port n is one of it."""

    members: Atomic[u64]


class Waiting(Struct):
    """Bit n of `ports`: something has come to port n of this owner since it last looked."""

    ports: Atomic[u32]


PORTS = storage_array(SwitchPort, PORTS_MAX)
NETWORKS = storage_array(Network, NETWORKS_MAX)
WAITING = storage_array(Waiting, VMS_MAX + 1)


@fn
def count_drop(port: SwitchPort, cause: Drop) -> None:
    """One more."""
    port.drops[u32(cause)] = port.drops[u32(cause)].wrapping_add(1)
