"""The network device (virtio 1.2, 5.1): its configuration, and the header before each frame."""

from __future__ import annotations

from codegen.lang import Array, Field, Struct, at, u8, u16

# Feature bits (5.1.3).
CSUM, GUEST_CSUM, MAC, GUEST_TSO4, GUEST_TSO6, HOST_TSO4, HOST_TSO6, MRG_RXBUF, STATUS, CTRL_VQ = (
    1 << n for n in (0, 1, 5, 7, 8, 11, 12, 15, 16, 17)
)
RECEIVE_QUEUE, TRANSMIT_QUEUE = 0, 1  # 5.1.2
LINK_UP = 1  # of NetConfiguration.status

# VirtioNetHeader.flags and gso_type (5.1.6).
NEEDS_CSUM, DATA_VALID = 1, 2
GSO_NONE, GSO_TCPV4, GSO_UDP, GSO_TCPV6 = 0, 1, 3, 4


class NetConfiguration(Struct, size=12, align=4):
    """struct virtio_net_config (5.1.4), as far as we know it."""

    mac: Array[u8] = at(0, count=6)
    status: Field[u16] = at(6)
    max_virtqueue_pairs: Field[u16] = at(8)
    mtu: Field[u16] = at(10)


class VirtioNetHeader(Struct, size=12, align=2):
    """struct virtio_net_hdr (5.1.6) of version 1."""

    flags: Field[u8] = at(0)
    gso_type: Field[u8] = at(1)
    hdr_len: Field[u16] = at(2)
    gso_size: Field[u16] = at(4)
    csum_start: Field[u16] = at(6)
    csum_offset: Field[u16] = at(8)
    num_buffers: Field[u16] = at(10)
