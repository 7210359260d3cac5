"""The board: the chips of a PC and the wires between them. IRQ n goes to the PIC and to GSI n, IRQ 0 to GSI 2."""

from __future__ import annotations

from codegen.lang import Field, HwEnum, Struct, fn, min, u32, u64
from drivers.interrupt.pic import CASCADE_IRQ
from drivers.timer.rtc import RTC_IRQ
from hypervisor.devices.ioapic import IoApic, ioapic_requests, ioapic_reset, ioapic_set_line
from hypervisor.devices.pic import PicPair, pic_reset, pic_set_line
from hypervisor.devices.pit import Pit, pit_advance, pit_reset
from hypervisor.devices.rtc import Rtc, rtc_advance, rtc_power_on
from hypervisor.devices.system_control import SystemPorts, system_ports_reset

PIT_IRQ = 0
PIT_GSI = 2


class BoardRequest(HwEnum, repr=u32):
    """What the guest asks of whoever owns the board; read and cleared by the VM's loop."""

    NONE = 0
    RESET = 1
    POWER_OFF = 2


class Board(Struct):
    """One per VM. The chips that an access reads often come first."""

    pic: PicPair
    attention: Field[bool]  # INTR is up or the I/O APIC has messages: `deliver_board_interrupts` is due
    intr_seen: Field[bool]  # the LINT0 pins have seen INTR up
    deadline_changed: Field[bool]  # a timer is due earlier than before
    request: Field[BoardRequest]
    ioapic: IoApic
    pit: Pit
    rtc: Rtc
    system: SystemPorts


@fn(cold=True)
def board_reset(board: Board, seconds: u64) -> None:
    """Power-up and the reset line: the VM's clock reads 0 again, and the RTC says `seconds` since 1970. Every
    timer stops before anything else is reset; the CMOS RAM is to be filled anew."""
    board.zero()
    pit_reset(board.pit)
    rtc_power_on(board.rtc, seconds)
    system_ports_reset(board.system)
    pic_reset(board.pic)
    ioapic_reset(board.ioapic)


@fn
def board_set_line(board: Board, irq: u32, asserted: bool) -> None:
    """Drive IRQ 0 to 15, or GSI 16 to 23, which only the I/O APIC has; other numbers are no lines."""
    pic_set_line(board.pic, irq, asserted)
    if irq == PIT_IRQ:
        ioapic_set_line(board.ioapic, u32(PIT_GSI), asserted)
    elif irq != CASCADE_IRQ:
        ioapic_set_line(board.ioapic, irq, asserted)
    board_settle(board)


@fn
def board_settle(board: Board) -> None:
    """After anything that may have changed the PIC's output or the I/O APIC's requests."""
    if board.pic.interrupt:
        board.attention = True
    else:
        board.intr_seen = False
    if ioapic_requests(board.ioapic) != 0:
        board.attention = True


@fn
def board_pulse(board: Board, irq: u32) -> None:
    """One edge, for outputs that do not stay up."""
    board_set_line(board, irq, True)
    board_set_line(board, irq, False)


@fn
def board_advance(board: Board, now: u64) -> None:
    """Fire what is due; each chip documents how it makes up for lost ticks."""
    if pit_advance(board.pit, now):
        board_pulse(board, u32(PIT_IRQ))
    if now >= board.rtc.deadline:
        rtc_advance(board.rtc, now)
        board_set_line(board, u32(RTC_IRQ), board.rtc.irq)


@fn
def board_next_deadline(board: Board) -> u64:
    """When `board_advance` has something to do, ns of the VM's clock; u64 max for never."""
    return min(board.pit.deadline, board.rtc.deadline)


@fn
def board_timer_changed(board: Board, before: u64) -> None:
    """After an access that may have moved a timer; `before` is what `board_next_deadline` said."""
    if board_next_deadline(board) < before:
        board.deadline_changed = True
        board.attention = True


@fn
def board_ask(board: Board, request: BoardRequest) -> None:
    """Ask the owner for a reset or to switch off."""
    board.request = request
    board.attention = True
