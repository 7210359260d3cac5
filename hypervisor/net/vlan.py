"""Which VLANs a port carries, and the tags of its frames (IEEE 802.1Q). Inside of the switch no frame has a tag."""

from __future__ import annotations

from codegen.lang import Span, fn, len, min, range, u16, u32, usize
from hypervisor.config.manifest import VLANS_MAX
from hypervisor.net.ethernet import TAG_BYTES, TYPE_AT, VLAN_MASK, VLAN_TYPE, is_tag, read_be16, write_be16
from hypervisor.net.port import NO_VLAN, SwitchPort

UNTAGGED = 0xFFFF_FFFF


@fn
def carries_tagged(port: SwitchPort, vlan: u32) -> bool:
    """Whether frames of this VLAN pass it with a tag."""
    for i in range(min(port.tag_count, u32(VLANS_MAX))):
        if u32(port.tags[i]) == vlan:
            return True
    return False


@fn
def carries(port: SwitchPort, vlan: u32) -> bool:
    """Whether they pass it at all."""
    return port.plain_vlan == vlan or carries_tagged(port, vlan)


@fn
def tag_of(frame: Span) -> u32:
    """The tag's control information, or UNTAGGED; of a frame with its header."""
    if read_be16(frame, usize(TYPE_AT)) != VLAN_TYPE or len(frame) < TYPE_AT + TAG_BYTES + 2:
        return u32(UNTAGGED)
    return u32(read_be16(frame, usize(TYPE_AT + 2)))


@fn
def vlan_of(port: SwitchPort, tag: u32) -> u32 | None:
    """To which VLAN a frame belongs that the port sends with this tag; None: it may not. A tag of VLAN 0 has a
    priority alone."""
    named = tag & VLAN_MASK
    if tag == UNTAGGED or named == 0:
        return port.plain_vlan if port.plain_vlan != NO_VLAN else None
    return named if carries_tagged(port, named) else None


@fn
def without_tag(frame: Span, tag: u32) -> Span | None:
    """The frame, its tag taken out in place; None if there is another one below it: at a port without tags that would
    be the only one, and lead into a VLAN that the sender may not use."""
    if tag != UNTAGGED:
        for i in range(usize(TYPE_AT)):
            frame[usize(TYPE_AT + TAG_BYTES - 1) - i] = frame[usize(TYPE_AT - 1) - i]
        frame = frame.slice(usize(TAG_BYTES), len(frame) - TAG_BYTES)
    return None if is_tag(read_be16(frame, usize(TYPE_AT))) else frame


@fn
def put_frame(into: Span, frame: Span, tag: u32) -> None:
    """Copy the frame, with a tag unless `tag` is UNTAGGED. `into` has its exact length."""
    if tag == UNTAGGED:
        into.copy_from(frame)
        return
    into.slice(usize(0), usize(TYPE_AT)).copy_from(frame.slice(usize(0), usize(TYPE_AT)))
    write_be16(into, usize(TYPE_AT), u16(VLAN_TYPE))
    write_be16(into, usize(TYPE_AT + 2), u16.trunc(tag))
    rest = len(frame) - TYPE_AT
    into.slice(usize(TYPE_AT + TAG_BYTES), rest).copy_from(frame.slice(usize(TYPE_AT), rest))
