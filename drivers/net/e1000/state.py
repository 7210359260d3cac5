"""What the driver knows of each e1000 that it runs."""

from __future__ import annotations

from codegen.lang import Array, Field, Hpa, Hva, HwEnum, Struct, count, fn, mmio, storage, u8, u16, u32, u64
from drivers.net.e1000.descriptors import RING
from drivers.net.e1000.register_bits import E1000Cause
from drivers.net.e1000.registers import E1000Registers
from drivers.net.port import NetPort
from drivers.pci.functions import PciFunction

CONTROLLERS_MAX = 4
ABSENT = 0xFFFF_FFFF  # what a card that is gone answers
ROOM_NONE = 0xFFFF_FFFF
NEVER = 0xFFFF_FFFF_FFFF_FFFF


class E1000Stage(HwEnum, repr=u8):
    """How far a card is on its way from a reset (reset.py) to frames."""

    OFF = 0
    QUIET = 1  # it was told to stop, and ends what is under way
    RESETTING = 2
    RESET = 3  # fresh, to be set up
    RUNNING = 4
    STUCK = 5  # a reset did not end
    GONE = 6  # for good


class E1000Counters(Struct):
    """All count frames, or bytes of frames without the checksum at the end."""

    received: Field[u64]
    received_bytes: Field[u64]
    sent: Field[u64]  # put into the queue
    sent_bytes: Field[u64]
    bad: Field[u64]  # received, with an error: dropped, as the next three
    split: Field[u64]  # over several buffers
    short: Field[u64]  # no whole header
    long: Field[u64]
    missed: Field[u64]  # the card had no buffer
    refused: Field[u64]  # nobody could send it as it was given
    lost: Field[u64]  # it was in the queue at a reset, or there was no queue
    resets: Field[u64]


class E1000Pending(Struct):
    """Of a frame to send, kept at the number of its first descriptor."""

    last: Field[u32]  # its last descriptor
    end: Field[u32]  # where the buffer behind it begins


class E1000Controller(Struct):
    """One card. Positions in its rings are numbers of descriptors; those in the sending memory are bytes."""

    registers: Field[Hpa]
    function: Field[PciFunction | None]
    port: Field[NetPort | None]
    reset_port: Field[u16]  # of the I/O BAR, by which the card is reset; 0: by memory
    express: Field[bool]  # a 82574 or its like
    stage: Field[E1000Stage]
    due: Field[u64]  # moment of the stage's next look
    deadline: Field[u64]  # and when that is the last one
    unmasked: Field[E1000Cause]  # those that interrupt
    interrupts: Field[bool]  # somebody takes them

    receive_ring: Field[Hpa]
    receive_buffers: Field[Hpa]
    receive_view: Field[Hva]  # the same buffers for us
    receive_next: Field[u32]  # the oldest that was not seen
    receive_held: Field[bool]  # it is a frame that somebody reads
    receive_split: Field[bool]  # it continues a frame that is dropped

    send_ring: Field[Hpa]
    send_buffers: Field[Hpa]
    send_view: Field[Hva]
    send_next: Field[u32]  # the next free descriptor
    send_oldest: Field[u32]  # of those that are the card's; equal when there is none
    send_head: Field[u32]  # memory from here on is free,
    send_tail: Field[u32]  # up to here, unless all of it is
    send_room: Field[u32]  # where the next frame may be written; ROOM_NONE
    send_places: Field[u64]  # of the context that the card has; 0: of none that can be used again
    send_after_segments: Field[bool]  # the last frame was cut by the card
    sent: Field[u64]  # frames that it has finished
    pending: Array[E1000Pending] = count(RING)

    seen_sent: Field[u64]  # at the last look
    progress_at: Field[u64]  # when frames were last seen to be finished, or none waited
    fruitless: Field[u32]  # resets since a frame was finished
    counters: E1000Counters


class E1000State(Struct):
    """All of the machine."""

    controller_count: Field[u32]
    controllers: Array[E1000Controller] = count(CONTROLLERS_MAX)


E1000 = storage(E1000State)


@fn
def registers_of(card: E1000Controller) -> E1000Registers:
    return mmio(E1000Registers, card.registers)


@fn
def still_answers(card: E1000Controller) -> bool:
    """No status has all bits set."""
    return u32(registers_of(card).status.read()) != ABSENT
