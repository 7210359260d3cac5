"""The 16550 UART's registers (National Semiconductor PC16550D, section 8), for our driver and for the guests' model."""

from __future__ import annotations

from codegen.lang import RO, WO, BitStruct, PortBlock, Reg, at, bit, bits, u8

COM1 = 0x3F8
COM1_IRQ = 4
COM2 = 0x2F8
COM2_IRQ = 3
FIFO_BYTES = 16
CLOCK_HZ = 1_843_200
BAUD_DIVIDEND = CLOCK_HZ // 16  # divisor = BAUD_DIVIDEND / baud


class InterruptEnable(BitStruct, repr=u8):
    """IER."""

    received_data: bool = bit(0)
    transmit_empty: bool = bit(1)
    line_status: bool = bit(2)
    modem_status: bool = bit(3)


class InterruptIdentification(BitStruct, repr=u8):
    """IIR; `cause` holds while `none_pending` is clear."""

    none_pending: bool = bit(0)
    cause: u8 = bits(1, 3)
    fifos_enabled: u8 = bits(6, 7)  # 3 when they are


CAUSE_MODEM_STATUS = 0
CAUSE_TRANSMIT_EMPTY = 1
CAUSE_RECEIVED_DATA = 2
CAUSE_LINE_STATUS = 3
CAUSE_CHARACTER_TIMEOUT = 6


class FifoControl(BitStruct, repr=u8):
    """FCR: write-only, at the address of IIR."""

    enable: bool = bit(0)
    clear_receive: bool = bit(1)
    clear_transmit: bool = bit(2)
    dma_mode: bool = bit(3)
    trigger: u8 = bits(6, 7)  # 0, 1, 2, 3: interrupt at 1, 4, 8, 14 received bytes


class LineControl(BitStruct, repr=u8):
    """LCR."""

    word_length: u8 = bits(0, 1)  # 5 + this many data bits
    two_stop_bits: bool = bit(2)
    parity: bool = bit(3)
    even_parity: bool = bit(4)
    stick_parity: bool = bit(5)
    send_break: bool = bit(6)
    divisor_latch: bool = bit(7)  # DLAB: offsets 0 and 1 are the divisor


class ModemControl(BitStruct, repr=u8):
    """MCR."""

    data_terminal_ready: bool = bit(0)
    request_to_send: bool = bit(1)
    out1: bool = bit(2)
    out2: bool = bit(3)  # on a PC: lets the interrupt line through
    loopback: bool = bit(4)


class LineStatus(BitStruct, repr=u8):
    """LSR. Reading clears the four error bits."""

    data_ready: bool = bit(0)
    overrun: bool = bit(1)
    parity_error: bool = bit(2)
    framing_error: bool = bit(3)
    break_received: bool = bit(4)
    transmit_empty: bool = bit(5)  # THRE: the FIFO takes FIFO_BYTES more
    transmitter_idle: bool = bit(6)  # TEMT: the shift register is empty too
    fifo_error: bool = bit(7)


class ModemStatus(BitStruct, repr=u8):
    """MSR. Reading clears the four delta bits."""

    delta_clear_to_send: bool = bit(0)
    delta_data_set_ready: bool = bit(1)
    trailing_ring: bool = bit(2)
    delta_carrier: bool = bit(3)
    clear_to_send: bool = bit(4)
    data_set_ready: bool = bit(5)
    ring: bool = bit(6)
    carrier: bool = bit(7)


class Ns16550(PortBlock, size=8):
    """The eight ports with DLAB clear."""

    data: Reg[u8] = at(0)  # RBR when read, THR when written
    interrupt_enable: Reg[InterruptEnable] = at(1)
    interrupt_identification: Reg[InterruptIdentification] = at(2, access=RO)
    fifo_control: Reg[FifoControl] = at(2, access=WO)
    line_control: Reg[LineControl] = at(3)
    modem_control: Reg[ModemControl] = at(4)
    line_status: Reg[LineStatus] = at(5, access=RO)
    modem_status: Reg[ModemStatus] = at(6, access=RO)
    scratch: Reg[u8] = at(7)


class Ns16550Divisor(PortBlock, size=2):
    """What offsets 0 and 1 are while DLAB is set."""

    low: Reg[u8] = at(0)
    high: Reg[u8] = at(1)
