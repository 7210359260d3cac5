"""The guests' consoles on the real one: raw bytes with one VM, whole lines behind `[NAME] ` with several.

CONSOLE.lock guards them, as the console itself.
"""

from __future__ import annotations

from codegen.lang import Array, Atomic, Field, Span, Struct, count, fn, len, max, range, storage, u8, u32
from hypervisor.console.console import (
    CONSOLE,
    console_guest_byte,
    console_push,
    end_open_line,
)

GUESTS_MAX = 16
NAME_MAX = 32
PENDING_MAX = 256  # a longer line is printed in pieces
LINE_FEED = 0x0A


class GuestConsole(Struct):
    """One VM's: its name, and the part of a line that is not printed yet."""

    name: Array[u8] = count(NAME_MAX)  # NUL-padded
    pending_count: Field[u32]
    last_count: Field[u32]  # what it was at the last `console_flush_silent_guests`
    pending: Array[u8] = count(PENDING_MAX)


class GuestConsoles(Struct):
    """All of them; `focus` is the VM that gets what is typed. `guest_count` is final before a guest runs."""

    guest_count: Field[u32]
    focus: Atomic[u32]
    guests: Array[GuestConsole] = count(GUESTS_MAX)


GUESTS = storage(GuestConsoles)


@fn(cold=True)
def console_add_guest(vm_index: u32, name: Span) -> None:
    """Make a VM known, in the order of the indexes. The first one has the focus."""
    guest = GUESTS.guests[vm_index]
    for i in range(len(name)):
        if i < NAME_MAX:
            guest.name[i] = name[i]
    GUESTS.guest_count = max(GUESTS.guest_count, vm_index + 1)


@fn
def console_focus() -> u32:
    """The VM that `console_take_input` speaks for."""
    return GUESTS.focus.load()


@fn
def console_set_focus(vm_index: u32) -> None:
    """Let another VM have what is typed. Refused when there is no such VM."""
    if vm_index < GUESTS.guest_count:
        GUESTS.focus.store(vm_index)


@fn
def console_put_guest(vm_index: u32, bytes_out: Span) -> None:
    """Print what a guest sent. Nothing is dropped: beyond `console_room` this waits for the line. Takes the lock."""
    with CONSOLE.lock:
        for i in range(len(bytes_out)):
            console_put_guest_byte(vm_index, bytes_out[i])
        console_push()


@fn
def console_put_guest_byte(vm_index: u32, byte: u8) -> None:
    """The same for one byte, without starting the line: call `console_push` after the last one."""
    if GUESTS.guest_count <= 1:
        if not CONSOLE.line_open:
            CONSOLE.speaker = vm_index
        console_guest_byte(byte)
        CONSOLE.line_open = byte != LINE_FEED
        return
    guest = GUESTS.guests[vm_index]
    guest.pending[guest.pending_count] = byte
    guest.pending_count += 1
    if byte == LINE_FEED or guest.pending_count == PENDING_MAX:
        print_pending(vm_index)


@fn
def console_flush_guests() -> None:
    """Print unfinished lines too (a prompt): called when no VM has anything to do. Takes the lock."""
    if GUESTS.guest_count <= 1:
        return
    with CONSOLE.lock:
        for i in range(GUESTS.guest_count):
            if GUESTS.guests[i].pending_count > 0:
                print_pending(i)
        console_push()


@fn
def console_flush_silent_guests() -> None:
    """Print the unfinished lines that have not grown since the last call: with a busy neighbour nobody is ever idle.
    Takes the lock."""
    if GUESTS.guest_count <= 1:
        return
    with CONSOLE.lock:
        for i in range(GUESTS.guest_count):
            guest = GUESTS.guests[i]
            if guest.pending_count > 0 and guest.pending_count == guest.last_count:
                print_pending(i)
            guest.last_count = guest.pending_count
        console_push()


@fn
def print_pending(vm_index: u32) -> None:
    """A line, or a piece of one, with the VM's name where a line begins."""
    guest = GUESTS.guests[vm_index]
    if not (CONSOLE.line_open and CONSOLE.speaker == vm_index):
        end_open_line(vm_index)
        print_name(guest)
    last = u8(0)
    for i in range(guest.pending_count):
        last = guest.pending[i]
        console_guest_byte(last)
    guest.pending_count = 0
    CONSOLE.line_open = last != LINE_FEED


@fn
def print_name(guest: GuestConsole) -> None:
    console_guest_byte(u8(0x5B))
    for i in range(NAME_MAX):
        if guest.name[i] == 0:
            break
        console_guest_byte(guest.name[i])
    console_guest_byte(u8(0x5D))
    console_guest_byte(u8(0x20))
