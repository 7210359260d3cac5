import pytest

from codegen.lang import u8, u32
from drivers.console.ns16550 import FIFO_BYTES
from hypervisor.console.byte_ring import RING_BYTES
from hypervisor.console.console import (
    CONSOLE,
    console_interrupt,
    console_seize,
    console_start,
    console_start_interrupts,
    console_take_input,
)
from hypervisor.console.guests import (
    GUESTS,
    QUEUED_MAX,
    ROOM_MIN,
    console_add_guest,
    console_flush_guests,
    console_flush_silent_guests,
    console_guest_room,
    console_put_guest,
    console_put_guest_byte,
    console_show_guests,
)
from hypervisor.console.log import log, log_panic, warn
from hypervisor.console.scrollback import SCROLLBACK_BYTES
from tests.console.fake_uart import FakeUart


def served(uart: FakeUart) -> bytes:
    for _ in range(10_000):
        uart.drain()
        console_show_guests()
        if not uart.interrupt():
            return bytes(uart.sent)
        console_interrupt()
    raise AssertionError("the interrupt never goes away")


@pytest.fixture
def uart() -> FakeUart:
    device = FakeUart(slow=True)
    console_start(False)
    return device


def test_the_line_format_is_set_never_assumed(uart: FakeUart) -> None:
    assert uart.registers[3] == 3
    assert uart.divisor == [1, 0]
    assert uart.registers[4] & 0x0B == 0x0B


def test_nothing_is_said_to_a_port_where_nothing_answers() -> None:
    console_start(False)
    log("unheard")
    assert not CONSOLE.serial.present


def test_every_line_of_the_monitor_is_marked_and_in_order(uart: FakeUart) -> None:
    console_start_interrupts()
    log("one")
    warn("two")
    assert served(uart) == b"keelback: one\r\nkeelback: warning: two\r\n"
    assert uart.lost == 0


def test_without_interrupts_a_panic_flushes_what_waits(uart: FakeUart) -> None:
    log("first")
    uart.slow = False
    uart.drain()
    console_seize()
    log_panic("second")
    assert bytes(uart.sent) == b"keelback: first\r\nkeelback: second\r\n"


def test_one_guest_is_raw_and_the_monitor_never_joins_its_line(uart: FakeUart) -> None:
    console_start_interrupts()
    console_add_guest(u32(0), b"debian")  # type: ignore[arg-type]
    console_put_guest(u32(0), b"login: ")  # type: ignore[arg-type]
    log("hello")
    console_put_guest(u32(0), b"root\r\n")  # type: ignore[arg-type]
    log("bye")
    assert served(uart) == b"login: \r\nkeelback: hello\r\nroot\r\nkeelback: bye\r\n"


def test_several_guests_print_whole_lines_under_their_names(uart: FakeUart) -> None:
    console_start_interrupts()
    console_add_guest(u32(0), b"a")  # type: ignore[arg-type]
    console_add_guest(u32(1), b"bb")  # type: ignore[arg-type]
    console_put_guest(u32(0), b"on")  # type: ignore[arg-type]
    console_put_guest(u32(1), b"two\n")  # type: ignore[arg-type]
    console_put_guest(u32(0), b"e\nlogin: ")  # type: ignore[arg-type]
    console_flush_guests()
    console_put_guest(u32(0), b"x\n")  # type: ignore[arg-type]
    assert served(uart) == b"[bb] two\n[a] one\n[a] login: x\n"


def test_a_prompt_is_printed_once_it_has_stopped_growing(uart: FakeUart) -> None:
    console_start_interrupts()
    console_add_guest(u32(0), b"a")  # type: ignore[arg-type]
    console_add_guest(u32(1), b"b")  # type: ignore[arg-type]
    console_put_guest(u32(0), b"log")  # type: ignore[arg-type]
    console_flush_silent_guests()
    console_put_guest(u32(0), b"in: ")  # type: ignore[arg-type]
    console_flush_silent_guests()
    assert served(uart) == b""
    console_flush_silent_guests()
    assert served(uart) == b"[a] login: "


def test_a_burst_larger_than_the_queue_loses_nothing(uart: FakeUart) -> None:
    console_start_interrupts()
    console_add_guest(u32(0), b"a")  # type: ignore[arg-type]
    waiting = RING_BYTES - 50
    CONSOLE.output.head = waiting
    uart.slow = False
    uart.drain()
    burst = bytes(range(32, 127)) * 2
    console_put_guest(u32(0), burst)  # type: ignore[arg-type]
    assert served(uart) == bytes(waiting) + burst


def test_who_finds_the_queue_full_waits_for_room_and_not_for_all_that_is_queued(uart: FakeUart) -> None:
    console_start_interrupts()
    CONSOLE.output.head = RING_BYTES
    uart.slow = False
    uart.drain()
    log("room for this line")
    assert CONSOLE.output.used() > RING_BYTES - 2 * FIFO_BYTES
    assert len(uart.sent) < 100
    assert served(uart) == bytes(RING_BYTES) + b"keelback: room for this line\r\n"


def test_a_guest_without_room_waits_for_a_piece_of_its_own(uart: FakeUart) -> None:
    console_start_interrupts()
    console_add_guest(u32(0), b"a")  # type: ignore[arg-type]
    GUESTS.guests[0].history.end = SCROLLBACK_BYTES
    CONSOLE.output.head = RING_BYTES
    uart.slow = False
    uart.drain()
    console_put_guest_byte(u32(0), u8(0x78))
    assert CONSOLE.output.used() > RING_BYTES - 2 * ROOM_MIN
    assert len(uart.sent) < 2 * ROOM_MIN
    assert served(uart) == bytes(RING_BYTES + SCROLLBACK_BYTES) + b"x"


def test_a_guest_has_room_for_what_its_scrollback_holds_and_the_line_has_not_taken(uart: FakeUart) -> None:
    console_start_interrupts()
    console_add_guest(u32(0), b"a")  # type: ignore[arg-type]
    assert console_guest_room(u32(0)) == SCROLLBACK_BYTES
    console_put_guest(u32(0), b"x" * 6_000)  # type: ignore[arg-type]
    taken = 16 + int(CONSOLE.output.used())
    assert QUEUED_MAX <= taken < QUEUED_MAX + 512
    assert console_guest_room(u32(0)) == SCROLLBACK_BYTES - 6_000 + taken
    assert served(uart) == b"x" * 6_000
    assert console_guest_room(u32(0)) == SCROLLBACK_BYTES


def test_a_paste_loses_nothing_and_the_sender_waits(uart: FakeUart) -> None:
    console_start_interrupts()
    waiting = RING_BYTES - 100
    CONSOLE.input.head = waiting
    paste = bytes(i % 251 for i in range(4096))
    uart.arriving += paste
    served(uart)
    assert uart.registers[4] & 2 == 0  # RTS off
    got = bytearray()
    while (byte := console_take_input()) is not None:
        got.append(int(byte))
        if uart.interrupt():
            console_interrupt()
    assert bytes(got) == bytes(waiting) + paste
    assert uart.registers[4] & 2


def test_a_uart_that_dies_does_not_hang_the_monitor(uart: FakeUart, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drivers.console.serial.SEND_PATIENCE", 3)
    uart.slow = True
    uart.drain = lambda: None  # type: ignore[method-assign]
    console_seize()
    log_panic("lost, but not stuck")
    assert not CONSOLE.serial.present
