"""Memory for frames to send: one ring of bytes, of which a frame takes as many as it has.

So the largest frame, which the card cuts into segments, finds its room, and small ones lie close together.
"""

from __future__ import annotations

from codegen.lang import Hva, fn, phys, u32, u64
from drivers.net.e1000.descriptors import RING, E1000Data, E1000Ring
from drivers.net.e1000.register_bits import E1000Cause
from drivers.net.e1000.state import E1000, ROOM_NONE, E1000Controller, E1000Stage, registers_of

SEND_BYTES = 512 * 1024
LONGEST = 65535 + 18  # bytes: the largest IP packet behind an Ethernet header with a VLAN tag
ROOM_BYTES = 65600  # for it, in whole cache lines
DESCRIPTORS_MAX = 20  # a context, 17 pieces of 4096 bytes, one cut in two, and one that stays free
NUMBERS = RING - 1  # mask


@fn
def e1000_room(controller: u32) -> Hva | None:
    """Where the next frame may be written: ROOM_BYTES, the same until `e1000_send`. None while there is no room: the
    next interrupt that is the card's may have made some; without interrupts, time."""
    card = E1000.controllers[controller]
    if card.stage != E1000Stage.RUNNING:
        return None
    free = descriptors_free(card)
    place = next_place(card)
    if free < RING // 2 or place == ROOM_NONE:
        collect(card)
        free = descriptors_free(card)
        place = next_place(card)
        if free < DESCRIPTORS_MAX or place == ROOM_NONE:
            wake_when_sent(card)
            return None
    card.send_room = place
    return card.send_view + u64(place)


@fn
def descriptors_free(card: E1000Controller) -> u32:
    """One more would make head and tail equal, which means that none is the card's."""
    return u32(NUMBERS) - (card.send_next.wrapping_sub(card.send_oldest) & NUMBERS)


@fn
def next_place(card: E1000Controller) -> u32:
    """Behind the last frame, or at the beginning when it does not fit there; ROOM_NONE while neither is free."""
    head = card.send_head
    tail = card.send_tail
    fits_behind = head <= SEND_BYTES - ROOM_BYTES
    if card.send_next == card.send_oldest:
        return head if fits_behind else u32(0)
    if head > tail:
        if fits_behind:
            return head
        return u32(0) if tail > ROOM_BYTES else u32(ROOM_NONE)
    return head if tail.saturating_sub(head) > ROOM_BYTES else u32(ROOM_NONE)


@fn
def collect(card: E1000Controller) -> None:
    """Take back what the card has finished. A frame is finished when its last descriptor says so."""
    ring = phys(E1000Ring, card.send_ring)
    oldest = card.send_oldest
    while oldest != card.send_next:
        pending = card.pending[oldest & NUMBERS]
        if not E1000Data.of(ring.descriptors[pending.last & NUMBERS].high).done:
            break
        card.send_tail = pending.end
        card.sent = card.sent.wrapping_add(1)
        card.fruitless = 0
        oldest = (pending.last + 1) & NUMBERS
    card.send_oldest = oldest


@fn(cold=True)
def wake_when_sent(card: E1000Controller) -> None:
    """Interrupts tell of finished frames only while somebody waits for room."""
    if card.interrupts and not card.unmasked.sent:
        card.unmasked = card.unmasked.replace(sent=True)
        registers_of(card).ims.write(E1000Cause(sent=True))
