"""The switch: where a frame goes that a port sends. All of it is done on the sender's time, who waits for nobody: what
a receiver has no room for is dropped there, and counted."""

from __future__ import annotations

from codegen.lang import Field, Span, Struct, fn, len, u32, u64, usize
from drivers.virtio.net import GSO_NONE, VirtioNetHeader
from hypervisor.net.bucket import bucket_take
from hypervisor.net.ethernet import HEADER_BYTES, MAC_BYTES, TAG_BYTES, VLAN_MASK, is_group, read_mac
from hypervisor.net.filter import filter_takes
from hypervisor.net.flow import flow_of
from hypervisor.net.frame_ring import frame_of, ring_commit, ring_reserve
from hypervisor.net.learned import key_of, last_seen, learn
from hypervisor.net.offload import LONGEST, header_sound, header_with_tag, header_without_tag
from hypervisor.net.port import NETWORKS, PORTS, PORTS_MAX, WAITING, Drop, SwitchPort, count_drop
from hypervisor.net.vlan import UNTAGGED, carries, put_frame, tag_of, vlan_of, without_tag


class Passage(Struct):
    """A frame on its way through the switch, without a tag."""

    vlan: Field[u32]
    tag: Field[u32]  # what it had, or would have
    flow: Field[u32]
    copied: Field[u64]  # bytes, to all receivers
    woken: Field[u32]  # bit n: owner n did not know yet that something has come to a port of it


@fn
def switch_forward(
    source: SwitchPort, frame: Span, header: VirtioNetHeader, features: u64, passage: Passage, now: u64
) -> None:
    """What the device of `source` sends: a frame of any bytes in memory of the monitor, which it may change, with a
    header that may say anything; `features` of virtio say what of it was agreed upon. `now` in ns."""
    passage.copied = 0
    passage.woken = 0
    sound = admitted(source, frame, header, features, passage, now)
    if isinstance(sound, Drop):
        count_drop(source, sound)
        return
    source.sent = source.sent.wrapping_add(1)
    source.sent_bytes = source.sent_bytes.wrapping_add(u64(len(sound)))
    deliver(source, sound, header, passage, now)


@fn
def admitted(
    source: SwitchPort, frame: Span, header: VirtioNetHeader, features: u64, passage: Passage, now: u64
) -> Span | Drop:
    """The frame without its tag, if its sender may send it."""
    if len(frame) < HEADER_BYTES:
        return Drop.MALFORMED
    passage.tag = tag_of(frame)
    vlan = vlan_of(source, passage.tag)
    plain = without_tag(frame, passage.tag)
    if vlan is None or plain is None:
        return Drop.VLAN
    passage.vlan = vlan
    if passage.tag == UNTAGGED:
        passage.tag = vlan
    else:
        passage.tag = passage.tag & ~VLAN_MASK | vlan
        header_without_tag(header)
    mac = read_mac(plain, usize(MAC_BYTES))
    if is_group(mac) or mac != source.mac and not source.any_source:
        return Drop.SPOOFED
    longest = source.frame_bytes if header.gso_type == GSO_NONE else u32(LONGEST)
    if u32(len(plain)) > longest or not header_sound(header, plain, features):
        return Drop.MALFORMED
    if not bucket_take(source.limit, u64(len(plain)), now):
        return Drop.RATE
    if mac != source.mac:
        learn(source.learned, key_of(mac, vlan), now)
    passage.flow = flow_of(plain)
    return plain


@fn
def deliver(source: SwitchPort, frame: Span, header: VirtioNetHeader, passage: Passage, now: u64) -> None:
    """To the port where the station is, if that is known, else to all others of the network that carry the VLAN."""
    members = NETWORKS[source.network].members.load()
    mac = read_mac(frame, usize(0))
    if not is_group(mac):
        members = station_ports(members, mac, passage.vlan, now)
    while members != 0:
        port = PORTS[u32(members.trailing_zeros()) % PORTS_MAX]
        members = members & (members - 1)
        if port is not source and carries(port, passage.vlan):
            give(port, frame, header, passage)


@fn
def station_ports(members: u64, mac: u64, vlan: u32, now: u64) -> u64:
    """Of these ports the one where this station is, which belongs to it or has seen it last; all of them when that is
    not known."""
    found = members
    latest = u64(0)
    left = members
    while left != 0:
        number = u32(left.trailing_zeros())
        bit = left & ~(left - 1)
        left = left & (left - 1)
        port = PORTS[number % PORTS_MAX]
        if not carries(port, vlan):
            continue
        if port.mac == mac:
            return bit
        if port.any_source:
            seen = last_seen(port.learned, key_of(mac, vlan), now)
            if seen is not None and (seen > latest or found == members):
                found = bit
                latest = seen
    return found


@fn
def give(port: SwitchPort, frame: Span, header: VirtioNetHeader, passage: Passage) -> None:
    """Into the port's ring, with a tag if it wants one there."""
    tag = u32(UNTAGGED) if port.plain_vlan == passage.vlan else passage.tag
    bytes = u32(len(frame)) + (u32(0) if tag == UNTAGGED else u32(TAG_BYTES))
    with port.lock:
        if not port.is_open or port.listening.load() == 0:
            count_drop(port, Drop.CLOSED)
            return
        if not filter_takes(port.filter, read_mac(frame, usize(0)), port.mac):
            count_drop(port, Drop.UNWANTED)
            return
        head = ring_reserve(port.ring, bytes)
        if head is None:
            count_drop(port, Drop.FULL)
            return
        head.flow = passage.flow
        head.header.copy_from(header)
        if tag != UNTAGGED:
            header_with_tag(head.header)
        put_frame(frame_of(head, bytes), frame, tag)
        ring_commit(port.ring)
    passage.copied = passage.copied + u64(bytes)
    bit = u32(1) << (port.number & 31)
    if WAITING[port.owner].ports.fetch_or(bit) & bit == 0:
        passage.woken = passage.woken | u32(1) << (port.owner & 31)
