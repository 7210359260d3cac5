"""The network device (virtio 1.2, 5.1): its configuration, the header before each frame, and its commands."""

from __future__ import annotations

from codegen.lang import Array, Field, HwEnum, Struct, at, u8, u16, u32

# Feature bits (5.1.3).
CSUM, GUEST_CSUM, MTU, MAC, GUEST_TSO4, GUEST_TSO6 = (1 << n for n in (0, 1, 3, 5, 7, 8))
HOST_TSO4, HOST_TSO6, MRG_RXBUF, STATUS, CTRL_VQ, CTRL_RX, MQ = (1 << n for n in (11, 12, 15, 16, 17, 18, 22))

LINK_UP = 1  # of VirtioNetConfiguration.status

RECEIVE_QUEUE, TRANSMIT_QUEUE = 0, 1  # of the first pair
# Queues (5.1.2): receive n is 2n, transmit n is 2n + 1; the control queue comes behind all pairs that the device has
# with MQ, else behind the first.
RECEIVE, TRANSMIT = 0, 1

NEEDS_CSUM, DATA_VALID = 1, 2  # of VirtioNetHeader.flags
GSO_NONE, GSO_TCPV4, GSO_TCPV6 = 0, 1, 4  # VirtioNetHeader.gso_type


class VirtioNetConfiguration(Struct, size=12, align=4):
    """struct virtio_net_config (5.1.4), as far as its fields exist without features that nobody has asked for."""

    mac: Array[u8] = at(0, count=6)
    status: Field[u16] = at(6)
    max_virtqueue_pairs: Field[u16] = at(8)
    mtu: Field[u16] = at(10)


class VirtioNetHeader(Struct, size=12, align=2):
    """struct virtio_net_hdr (5.1.6), in front of each frame. With NEEDS_CSUM the checksum of what lies from
    `csum_start` on belongs `csum_offset` behind it, where the pseudo header's sum is; with a `gso_type` the data is to
    be cut into pieces of `gso_size` bytes, each behind the headers."""

    flags: Field[u8] = at(0)
    gso_type: Field[u8] = at(1)
    hdr_len: Field[u16] = at(2)
    gso_size: Field[u16] = at(4)
    csum_start: Field[u16] = at(6)
    csum_offset: Field[u16] = at(8)
    num_buffers: Field[u16] = at(10)  # received frames: chains that hold it


class ControlClass(HwEnum, repr=u8):
    """5.1.6.5: the first byte of a command."""

    RX = 0
    MAC = 1
    MQ = 4


# The second byte.
RX_PROMISC, RX_ALLMULTI = 0, 1  # a byte follows: on or off
MAC_TABLE_SET = 0  # two lists follow, of unicast and multicast addresses, each behind its length in 32 bits
MQ_VQ_PAIRS_SET = 0  # 16 bits follow: pairs in use

CONTROL_OK, CONTROL_ERR = 0, 1  # the one byte that the device writes


class ControlCommand(Struct, size=2, align=1):
    """What a command begins with."""

    command_class: Field[u8] = at(0)  # ControlClass
    command: Field[u8] = at(1)


class AddressCount(Struct, size=4, align=1):
    """In front of a list of addresses."""

    count: Field[u32] = at(0)


class PairCount(Struct, size=2, align=1):
    """Of MQ_VQ_PAIRS_SET."""

    pairs: Field[u16] = at(0)
