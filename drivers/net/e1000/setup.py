"""Setting up an e1000 that is fresh from a reset: its queues, and what it receives (8254x 14.4 and 14.5; 82574 4.6)."""

from __future__ import annotations

from codegen.lang import fn, phys, range, u8, u16, u32, u64
from drivers.net.e1000.descriptors import BUFFER, RING, E1000Ring
from drivers.net.e1000.register_bits import (
    E1000AddressHigh,
    E1000Cause,
    E1000Gap,
    E1000ReceiveChecksum,
    E1000ReceiveControl,
    E1000TransmitControl,
    E1000TransmitThresholds,
)
from drivers.net.e1000.registers import ADDRESSES, MULTICAST_WORDS, E1000Registers
from drivers.net.e1000.room import collect
from drivers.net.e1000.state import ROOM_NONE, E1000Controller, E1000Stage, registers_of

RING_BYTES = RING * 16
INTERRUPT_GAP = 195  # of 256 ns: at most 20,000 interrupts per second
CAUSES = E1000Cause(link_changed=True, overrun=True, received=True)


@fn(cold=True)
def set_up(card: E1000Controller, now: u64) -> None:
    """From RESET to RUNNING. Frames in the queue are lost; buffers that somebody was given stay where they are."""
    registers = registers_of(card)
    set_up_link(card, registers)
    for word in range(u32(MULTICAST_WORDS)):
        registers.mta[word].write(0)
    for number in range(u32(1), u32(ADDRESSES)):
        registers.rah[number].write(E1000AddressHigh())
        registers.ral[number].write(0)
    registers.itr.write(INTERRUPT_GAP)
    if card.express:
        set_up_express(registers)
    else:
        registers.management.write(registers.management.read().replace(answers_arp=False))
    set_up_sending(card, registers)
    set_up_receiving(card, registers)
    card.unmasked = CAUSES if card.interrupts else E1000Cause()
    registers.ims.write(card.unmasked)
    card.stage = E1000Stage.RUNNING
    card.progress_at = now
    card.seen_sent = card.sent


@fn(cold=True)
def set_up_link(card: E1000Controller, registers: E1000Registers) -> None:
    """The PHY negotiates and tells the MAC; no pause frames, no wake-up, VLAN tags are left alone."""
    control = registers.control.read()
    registers.control.write(
        control.replace(
            link_up=True,
            no_master=False,
            link_reset=False,
            invert_loss=False,
            force_speed=False,
            force_duplex=False,
            receive_pause=False,
            transmit_pause=False,
            vlan_mode=False,
            phy_reset=False,
            reserved=control.reserved and not card.express,
        )
    )
    registers.fcal.write(0)
    registers.fcah.write(0)
    registers.fct.write(0)
    registers.fcttv.write(0)
    registers.fcrtl.write(0)
    registers.fcrth.write(0)
    registers.wuc.write(0)
    registers.wufc.write(0)


@fn(cold=True)
def set_up_express(registers: E1000Registers) -> None:
    """What the 82574's errata ask for (Linux: e1000_initialize_hw_bits_82571), and old descriptors."""
    extended = registers.extended_control.read()
    registers.extended_control.write(
        extended.replace(
            pll_off=True, asserted_mask=False, interrupt_acknowledge=False, msix_clears=False, driver_loaded=True
        )
    )
    registers.tarc[0].write(registers.tarc[0].read() & ~(0xF << 27) | 1 << 26)
    registers.gcr.write(registers.gcr.read() | 1 << 22)
    registers.gcr2.write(registers.gcr2.read() | 1)
    registers.rfctl.write(0)
    registers.mrqc.write(0)
    registers.iam.write(0)


@fn(cold=True)
def set_up_sending(card: E1000Controller, registers: E1000Registers) -> None:
    """An empty queue; full duplex, gaps as for copper."""
    lose_frames(card)
    card.send_next = 0
    card.send_oldest = 0
    card.send_places = 0
    card.send_after_segments = False
    if card.send_room != ROOM_NONE:  # somebody may be writing there
        card.send_head = card.send_room
    registers.tdbal[0].write(u32.trunc(u64(card.send_ring)))
    registers.tdbah[0].write(u32.trunc(u64(card.send_ring) >> 32))
    registers.tdlen[0].write(RING_BYTES)
    registers.tdh[0].write(0)
    registers.tdt[0].write(0)
    registers.tidv.write(0)
    registers.tadv.write(0)
    registers.txdctl[0].write(E1000TransmitThresholds(write_back=u8(1), count=card.express, descriptors=True))
    registers.tipg.write(E1000Gap(gap=u16(8), part_1=u16(8), part_2=u16(6)))
    registers.transmit_control.write(
        E1000TransmitControl(
            enabled=True, pad=True, collision_threshold=u8(15), collision_distance=u16(0x3F), retransmit_late=True
        )
    )


@fn(cold=True)
def set_up_receiving(card: E1000Controller, registers: E1000Registers) -> None:
    """All buffers but one are the card's: equal head and tail would mean none. All frames that are whole come in."""
    ring = phys(E1000Ring, card.receive_ring)
    for number in range(u32(RING)):
        descriptor = ring.descriptors[number]
        descriptor.low = u64(card.receive_buffers) + u64(number) * BUFFER
        descriptor.high = 0
    card.receive_next = 0
    card.receive_held = False
    card.receive_split = False
    registers.rdbal[0].write(u32.trunc(u64(card.receive_ring)))
    registers.rdbah[0].write(u32.trunc(u64(card.receive_ring) >> 32))
    registers.rdlen[0].write(RING_BYTES)
    registers.rdh[0].write(0)
    registers.rdt[0].write(0)
    registers.rdtr.write(0)
    registers.radv.write(0)
    registers.rxcsum.write(E1000ReceiveChecksum(ip=True, tcp_udp=True))
    registers.receive_control.write(
        E1000ReceiveControl(enabled=True, all_unicast=True, all_multicast=True, broadcast=True, strip_checksum=True)
    )
    registers.rdt[0].write(RING - 1)


@fn(cold=True)
def lose_frames(card: E1000Controller) -> None:
    """Those that the card has not finished are not sent any more."""
    collect(card)
    card.counters.lost += frames_waiting(card)
    card.sent = card.counters.sent


@fn
def frames_waiting(card: E1000Controller) -> u64:
    """That the card has not finished."""
    return card.counters.sent.wrapping_sub(card.sent)
