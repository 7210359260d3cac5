"""The board: the chips of a PC and the wires between them (wiring.py)."""

from __future__ import annotations

from codegen.lang import Atomic, Field, HwEnum, Struct, fn, min, range, static, u8, u32, u64
from drivers.console.ns16550 import COM1_IRQ
from drivers.interrupt.pic import CASCADE_IRQ
from drivers.timer.rtc import RTC_IRQ
from hypervisor.devices.acpi.power import TIMER_STATUS, PowerBlock, power_interrupt, power_press, power_reset
from hypervisor.devices.clock import NEVER
from hypervisor.devices.ioapic import IoApic, ioapic_requests, ioapic_reset, ioapic_set_line
from hypervisor.devices.keyboard_controller import KeyboardController, keyboard_reset
from hypervisor.devices.pci.bus import PciBus, bus_reset
from hypervisor.devices.pic import PicPair, pic_acknowledge, pic_reset, pic_set_line, pic_write_elcr
from hypervisor.devices.pit import Pit, pit_advance, pit_reset
from hypervisor.devices.pm_timer import pm_timer_next_carry
from hypervisor.devices.rtc import Rtc, rtc_advance, rtc_power_on
from hypervisor.devices.system_control import SystemPorts, system_ports_reset
from hypervisor.devices.uart import Uart, uart_reset
from hypervisor.devices.virtio.slots import VirtioSlots, slots_line, slots_ready, slots_reset, slots_work
from hypervisor.devices.wiring import LINES, PCI_LINES, PIT_GSI, PIT_IRQ, SCI_IRQ

PCI_ELCR = sum(1 << (line - 8) for line in PCI_LINES)


class BoardRequest(HwEnum, repr=u32):
    """What the guest asks of whoever owns the board; read and cleared by the VM's loop."""

    NONE = 0
    RESET = 1
    POWER_OFF = 2


class Board(Struct):
    """One per VM. The chips that an access reads often come first."""

    pic: PicPair
    attention: Field[bool]  # INTR is up or the I/O APIC has messages: `service_board` is due
    intr_seen: Field[bool]  # the LINT0 pins have seen INTR up
    deadline_changed: Field[bool]  # a timer is due earlier than before
    devices_wait: Field[bool]  # a virtio device has work, or a message to send
    input_waits: Field[bool]  # typed bytes wait until the UART has room
    request: Field[BoardRequest]
    ioapic: IoApic
    pit: Pit
    rtc: Rtc
    system: SystemPorts
    uart: Uart
    power: PowerBlock
    pci: PciBus
    virtio: VirtioSlots
    keyboard: KeyboardController
    sci_deadline: Field[u64]  # ns, or NEVER
    deadline: Atomic[u64]  # what `board_next_deadline` says, and
    output: Atomic[u32]  # 1: the UART has something to send: for those who do not hold the lock
    work: Atomic[u32]  # bit n: virtio device n has work; for those who do not hold the lock
    lines: Field[u32]  # which are up


@fn(cold=True)
def board_reset(board: Board, seconds: u64) -> None:
    """Power-up and the reset line: the VM's clock reads 0 again, and the RTC says `seconds` since 1970. Timers stop
    before anything else is reset. The CMOS RAM and what the UART has still to send are kept."""
    pit_reset(board.pit)
    rtc_power_on(board.rtc, seconds)
    board.sci_deadline = NEVER
    power_reset(board.power)
    uart_reset(board.uart)
    bus_reset(board.pci)
    slots_reset(board.virtio)
    keyboard_reset(board.keyboard)
    system_ports_reset(board.system)
    board.lines = 0
    board.pic.zero()
    pic_reset(board.pic)
    if board.virtio.device_count != 0:  # as firmware does for PCI interrupts
        pic_write_elcr(board.pic, board.pic.slave, u8(PCI_ELCR))
    board.ioapic.zero()
    ioapic_reset(board.ioapic)
    board.attention = False
    board.intr_seen = False
    board.deadline_changed = False
    board.devices_wait = False
    board.input_waits = False
    board.request = BoardRequest.NONE
    board.work.store(0)
    board.deadline.store(board_next_deadline(board))


@fn
def board_set_line(board: Board, irq: u32, asserted: bool) -> None:
    """Drive IRQ 0 to 15, or GSI 16 to 23, which only the I/O APIC has; other numbers are no lines."""
    if irq >= LINES or (board.lines >> irq & 1 != 0) == asserted:
        return
    board.lines = board.lines ^ u32(1) << irq
    pic_set_line(board.pic, irq, asserted)
    if irq == PIT_IRQ:
        ioapic_set_line(board.ioapic, u32(PIT_GSI), asserted)
    elif irq != CASCADE_IRQ:
        ioapic_set_line(board.ioapic, irq, asserted)
    board_settle(board)


@fn
def board_uart_changed(board: Board) -> None:
    """After anything that may have moved the UART's interrupt output."""
    board_set_line(board, u32(COM1_IRQ), board.uart.interrupt)


@fn
def board_devices_changed(board: Board) -> None:
    """After anything that may have moved interrupts of virtio devices, or given them work."""
    for line in static(PCI_LINES):
        board_set_line(board, u32(line), slots_line(board.virtio, board.pci, u32(line)))
    work = slots_work(board.virtio)
    if board.work.load() != work:
        board.work.exchange(work)
        work = slots_work(board.virtio)  # a disk may have brought something back between the two
        board.work.fetch_or(work)
    if work != 0 or board_has_messages(board):
        board.devices_wait = True
        board.attention = True


@fn
def board_has_messages(board: Board) -> bool:
    """Whether a virtio device has a message to send."""
    for number in range(board.virtio.device_count):
        if slots_ready(board.virtio, board.pci, number) != 0:
            return True
    return False


@fn
def board_settle_power(board: Board, now: u64) -> None:
    """The SCI follows the PM1 block; by itself it rises only for a carry of the PM timer that is enabled."""
    up = power_interrupt(board.power, now)
    board_set_line(board, u32(SCI_IRQ), up)
    board.sci_deadline = NEVER
    if not up and board.power.enable & TIMER_STATUS != 0:
        board.sci_deadline = pm_timer_next_carry(now)
    board.deadline.store(board_next_deadline(board))


@fn
def board_press_power(board: Board, now: u64) -> None:
    """The machine's power button."""
    power_press(board.power)
    board_settle_power(board, now)


@fn
def board_settle(board: Board) -> None:
    """After anything that may have changed the PIC's output or the I/O APIC's requests."""
    if board.pic.interrupt.load():
        board.attention = True
    else:
        board.intr_seen = False
    if ioapic_requests(board.ioapic) != 0:
        board.attention = True


@fn
def board_acknowledge(board: Board) -> u32 | None:
    """The INTA cycle of a processor that saw INTR: the PIC's vector; None when the request has gone meanwhile."""
    if not board.pic.interrupt.load():
        return None
    vector = pic_acknowledge(board.pic)
    board_settle(board)
    return vector


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
    if now >= board.sci_deadline:
        board_settle_power(board, now)
    board.deadline.store(board_next_deadline(board))


@fn
def board_next_deadline(board: Board) -> u64:
    """When `board_advance` has something to do, ns of the VM's clock; u64 max for never."""
    return min(min(board.pit.deadline, board.rtc.deadline), board.sci_deadline)


@fn
def board_timer_changed(board: Board, before: u64) -> None:
    """After an access that may have moved a timer; `before` is what `board_next_deadline` said."""
    board.deadline.store(board_next_deadline(board))
    if board_next_deadline(board) < before:
        board.deadline_changed = True
        board.attention = True


@fn
def board_ask(board: Board, request: BoardRequest) -> None:
    """Ask the owner for a reset or to switch off."""
    board.request = request
    board.attention = True
