from __future__ import annotations

import pytest

from codegen.lang import Span, u32
from hypervisor.console.console import CONSOLE, console_interrupt, console_start, console_start_interrupts
from hypervisor.console.guests import (
    GUESTS,
    GUESTS_MAX,
    QUEUED_MAX,
    console_add_guest,
    console_finish_guest,
    console_guest_room,
    console_put_guest,
    console_show_guests,
)
from hypervisor.console.log import log
from hypervisor.console.names import find_guest
from hypervisor.console.route import console_route_input
from hypervisor.console.scrollback import SCROLLBACK_BYTES
from hypervisor.console.typed import SHELL_QUEUE, TYPED, TYPED_BYTES, console_take_typed
from hypervisor.console.view import VIEW, ViewKind
from tests.console.fake_uart import FakeUart

NAMES = [b"mach", b"debian", b"deb-two"]


@pytest.fixture
def uart() -> FakeUart:
    device = FakeUart(slow=True)
    console_start(False)
    console_start_interrupts()
    for number, name in enumerate(NAMES):
        console_add_guest(u32(number), text(name))
    return device


def text(content: bytes) -> Span:
    return content  # type: ignore[return-value]


def put(vm: int, content: bytes) -> None:
    console_put_guest(u32(vm), text(content))


def shown(uart: FakeUart, least: int = 0) -> bytes:
    """What the line has carried since the last call; with `least`, no more than a FIFO beyond that many bytes."""
    before = len(uart.sent) if least else 0
    for _ in range(10_000):
        uart.drain()
        console_show_guests()
        if not uart.interrupt() or (least and len(uart.sent) - before >= least):
            break
        console_interrupt()
    sent = bytes(uart.sent)
    uart.sent.clear()
    return sent


def typed(uart: FakeUart, keys: bytes) -> None:
    uart.arriving += keys
    while uart.interrupt():
        console_interrupt()
        uart.drain()
    console_route_input()


def typed_for(vm: int) -> bytes:
    got = bytearray()
    while (byte := console_take_typed(u32(vm))) is not None:
        got.append(int(byte))
    return bytes(got)


def test_one_guests_console_is_shown_alone_and_raw(uart: FakeUart) -> None:
    put(0, b"before\n")
    shown(uart)
    typed(uart, b"\x011")
    assert shown(uart) == b"keelback: the console of debian\r\n"
    put(0, b"hidden\n")
    put(1, b"pro")
    put(1, b"mpt")
    assert shown(uart) == b"prompt"
    log("said")
    put(1, b"t\r\n")
    assert shown(uart) == b"\r\nkeelback: said\r\nt\r\n"


def test_a_switch_shows_the_last_lines_and_what_is_not_finished(uart: FakeUart) -> None:
    typed(uart, b"\x010")
    put(1, b"".join(b"line %d\n" % i for i in range(40)) + b"login: ")
    shown(uart)
    typed(uart, b"\x01debian\r")
    lines = shown(uart).split(b"\n")[1:]
    assert lines == [b"line %d" % i for i in range(17, 40)] + [b"login: "]


def test_back_to_all_shows_only_what_comes_and_unfinished_lines(uart: FakeUart) -> None:
    typed(uart, b"\x010")
    put(1, b"unseen\npart")
    shown(uart)
    typed(uart, b"\x01a")
    put(1, b" and rest\n")
    put(0, b"x\n")
    sent = shown(uart)
    assert b"typing to mach" in sent and b"unseen" not in sent
    assert sorted(sent.splitlines()[1:]) == [b"[debian] part and rest", b"[mach] x"]


def test_what_is_typed_goes_to_the_view_it_was_typed_in(uart: FakeUart) -> None:
    typed(uart, b"a\x011b\x01\x01c\x01mlist\x01'mach\rd")
    assert (typed_for(0), typed_for(1)) == (b"ad", b"b\x01c")
    shell = bytearray()
    while (byte := TYPED[SHELL_QUEUE].take()) is not None:
        shell.append(int(byte))
    assert shell == b"list"


def test_nobody_is_switched_to_who_is_not_there(uart: FakeUart) -> None:
    typed(uart, b"\x019\x01nobody\r\x01deb\r")
    assert VIEW.kind == ViewKind.ALL and VIEW.guest == 0
    sent = shown(uart)
    assert b"no VM has this number" in sent and b"none is called nobody" in sent and b"none is called deb\r\n" in sent


def test_a_name_may_be_shortened_as_far_as_it_is_the_only_one(uart: FakeUart) -> None:
    wanted = {b"debian": 1, b"debi": 1, b"deb": None, b"m": 0, b"2": 2, b"3": None, b"": None, b"deb-": 2}
    for name, index in wanted.items():
        found = find_guest(text(name))
        assert (None if found is None else int(found)) == index, name


def test_a_flood_delays_another_guests_line_by_no_more_than_the_queue(uart: FakeUart) -> None:
    put(0, b"flood\n" * 1000)
    put(1, b"hello\n")
    sent = b""
    while b"[debian] hello" not in sent:
        sent += shown(uart, 16)
        put(0, b"flood\n" * 3)
    assert len(sent) < QUEUED_MAX + 512


def test_two_floods_get_the_same_part_of_a_slow_line(uart: FakeUart) -> None:
    put(0, (b"a" * 99 + b"\n") * 90)  # more than the line's queue takes
    put(1, b"b\n" * 40)
    lines = shown(uart).split(b"\n")
    first = lines.index(b"[debian] b")
    assert first * 100 < QUEUED_MAX + 256
    assert [line[:3] for line in lines[first : first + 80]] == [b"[de", b"[ma"] * 40


def test_a_shown_guest_is_held_and_a_hidden_one_never(uart: FakeUart) -> None:
    typed(uart, b"\x011")
    shown(uart)
    GUESTS.guests[1].history.end = SCROLLBACK_BYTES
    assert console_guest_room(u32(1)) == 0
    GUESTS.guests[0].history.end = SCROLLBACK_BYTES
    assert console_guest_room(u32(0)) == SCROLLBACK_BYTES
    put(0, b"more")
    assert int(GUESTS.guests[0].history.shown) == 4


def test_last_words_come_before_what_the_monitor_says_of_a_guest(uart: FakeUart) -> None:
    put(0, b"last\nwords")
    console_finish_guest(u32(0))
    log("gone")
    assert shown(uart) == b"[mach] last\n[mach] words\r\nkeelback: gone\r\n"


def test_a_sender_waits_for_a_guest_that_reads_slowly_and_nothing_is_lost(uart: FakeUart) -> None:
    paste = bytes(32 + i % 90 for i in range(TYPED_BYTES + 500))
    CONSOLE.input.clear()
    for byte in paste:
        typed(uart, bytes([byte]))
    assert CONSOLE.input.used() == 500
    first = typed_for(0)
    console_route_input()
    assert first + typed_for(0) == paste


def test_what_nobody_reads_is_dropped_so_that_control_a_is_seen(uart: FakeUart) -> None:
    TYPED[0].head = TYPED_BYTES
    typed(uart, b"x\x01m")
    assert TYPED[0].drop_if_unread() == 0  # it may just have been filled
    assert VIEW.kind == ViewKind.ALL
    assert TYPED[0].drop_if_unread() == TYPED_BYTES
    console_route_input()
    assert VIEW.kind == ViewKind.SHELL


def test_all_guests_of_a_full_machine_have_a_console(uart: FakeUart) -> None:
    for number in range(GUESTS_MAX):
        console_add_guest(u32(number), text(b"vm%d" % number))
        put(number, b"here\n")
    assert sorted(shown(uart).splitlines()) == sorted(b"[vm%d] here" % number for number in range(GUESTS_MAX))
