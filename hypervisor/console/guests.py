"""The guests' consoles on the real one. Each guest's bytes go into its scrollback; from there those that the view shows
go to the line in turns, so that no guest's flood delays another's line by more than one line of each.

CONSOLE.lock guards them, as the console itself.
"""

from __future__ import annotations

from codegen.lang import Array, Field, Span, Struct, count, fn, len, max, range, span_of, storage, u8, u32, u64, usize
from hypervisor.console.byte_ring import RING_BYTES
from hypervisor.console.console import (
    CONSOLE,
    console_guest_byte,
    console_has_input,
    console_make_room,
    console_push,
    console_room,
    end_open_line,
)
from hypervisor.console.scrollback import LINE_FEED, SCROLLBACK_BYTES, Scrollback
from hypervisor.console.view import VIEW, ViewKind

GUESTS_MAX = 16
NAME_MAX = 32
PIECE_MAX = 256  # a longer line is printed in pieces
QUEUED_MAX = 4096  # guests' bytes in the line's queue, about: the others wait where they can still be overtaken
ROOM_MIN = PIECE_MAX + NAME_MAX + 8  # what a piece may take: a line end, the name, the piece


class GuestConsole(Struct):
    """One VM's: its name, and what it has sent."""

    name: Array[u8] = count(NAME_MAX)  # NUL-padded
    name_length: Field[u32]
    last_end: Field[u64]  # the scrollback's end at the last `console_flush_silent_guests`
    history: Scrollback

    @fn
    def name_span(self) -> Span:
        """The name without its padding."""
        return span_of(self).slice(usize(GuestConsole.name.offset), usize(self.name_length))


class GuestConsoles(Struct):
    """All of them; `turn` is whose line comes next. `all_shown`: nobody has anything for the line, until somebody sends
    or the view changes; so a look that finds nothing costs the same for any number of guests."""

    guest_count: Field[u32]
    all_shown: Field[bool]
    turn: Field[u32]
    guests: Array[GuestConsole] = count(GUESTS_MAX)


GUESTS = storage(GuestConsoles)


@fn(cold=True)
def console_add_guest(vm_index: u32, name: Span) -> None:
    """Make a VM known, in the order of the indexes. What is typed goes to the first one."""
    guest = GUESTS.guests[vm_index]
    guest.name_length = 0
    for i in range(len(name)):
        if i < NAME_MAX:
            guest.name[i] = name[i]
            guest.name_length += 1
    GUESTS.guest_count = max(GUESTS.guest_count, vm_index + 1)
    GUESTS.all_shown = False


@fn
def is_visible(vm_index: u32) -> bool:
    """Whether the real console shows what this VM sends."""
    if VIEW.kind == ViewKind.GUEST:
        return VIEW.guest == vm_index
    return VIEW.kind == ViewKind.ALL


@fn
def is_raw() -> bool:
    """Whether bytes are shown as they come, not as lines with names."""
    return VIEW.kind == ViewKind.GUEST or GUESTS.guest_count <= 1


@fn
def console_guest_room(vm_index: u32) -> u64:
    """Bytes that this guest can send without losing some before they are shown. Its UART is busy without room."""
    if not is_visible(vm_index):
        return u64(SCROLLBACK_BYTES)
    return u64(SCROLLBACK_BYTES) - GUESTS.guests[vm_index].history.backlog()


@fn
def console_put_guest(vm_index: u32, bytes_out: Span) -> None:
    """Keep and show what a guest sent. Nothing is lost: beyond `console_guest_room` this waits for the line. Takes the
    lock."""
    with CONSOLE.lock:
        for i in range(len(bytes_out)):
            console_put_guest_byte(vm_index, bytes_out[i])
        console_show_guests()


@fn
def console_put_guest_byte(vm_index: u32, byte: u8) -> None:
    """The same for one byte, without showing it: call `console_show_guests` after the last one."""
    if console_guest_room(vm_index) == 0:
        console_make_room(u32(ROOM_MIN))
        show_piece(vm_index, True)
    GUESTS.guests[vm_index].history.put(byte)
    GUESTS.all_shown = False


@fn
def console_show_guests() -> None:
    """Hand the line what it can take soon, a piece of each guest in turn. Called after each guest's sending, and again
    and again while the line works the rest off."""
    if not GUESTS.all_shown:
        show_in_turns()
    console_push()


@fn
def show_in_turns() -> None:
    """Until the line has enough, or nobody has anything."""
    guests = max(GUESTS.guest_count, 1)
    silent = u32(0)
    while silent < guests and line_is_short():
        silent = u32(0) if show_piece(GUESTS.turn, False) else silent + 1
        GUESTS.turn = GUESTS.turn + 1 if GUESTS.turn + 1 < guests else u32(0)
    GUESTS.all_shown = silent == guests


@fn
def console_finish_guest(vm_index: u32) -> None:
    """Before the monitor speaks of a VM: its last words, unfinished lines too, as far as the queue holds them."""
    while console_room() > ROOM_MIN and show_piece(vm_index, True):
        pass
    console_push()


@fn
def console_flush_guests() -> None:
    """Print unfinished lines too (a prompt): called when no VM has anything to do. Takes the lock."""
    with CONSOLE.lock:
        for i in range(GUESTS.guest_count):
            while line_is_short() and show_piece(i, True):
                pass
        console_push()


@fn
def console_flush_silent_guests() -> None:
    """Print the unfinished lines that have not grown since the last call: with a busy neighbour nobody is ever idle.
    Takes the lock."""
    with CONSOLE.lock:
        for i in range(GUESTS.guest_count):
            history = GUESTS.guests[i].history
            if history.end == GUESTS.guests[i].last_end and line_is_short():
                show_piece(i, True)
            GUESTS.guests[i].last_end = history.end
        console_push()


@fn
def console_wants_service() -> bool:
    """After an interrupt of the line, whether a service round would find something: input, or guests' bytes for it.
    Read without the lock: the next interrupt, or turn, looks again."""
    return console_has_input() or not GUESTS.all_shown and line_runs_dry()


@fn
def console_show_backlog() -> None:
    """Between turns: only what the senders do not do on their own time. A guest that floods the line fills it up in its
    own turns. Takes the lock."""
    with CONSOLE.lock:
        if line_runs_dry():
            console_show_guests()


@fn
def line_runs_dry() -> bool:
    """Whether half of what the line's queue should have has been sent."""
    return CONSOLE.output.used() < QUEUED_MAX // 2


@fn
def line_is_short() -> bool:
    """Whether the line's queue wants more of the guests' bytes. A screen takes them at once."""
    return RING_BYTES - console_room() < QUEUED_MAX


@fn
def show_piece(vm_index: u32, unfinished: bool) -> bool:
    """Print a line of this VM, or a piece of one; a line without its end only if `unfinished`. False: nothing to do."""
    history = GUESTS.guests[vm_index].history
    if history.backlog() == 0 or not is_visible(vm_index):
        return False
    if not is_raw() and not unfinished and history.lines_end <= history.shown and history.backlog() < PIECE_MAX:
        return False
    if not (CONSOLE.line_open and CONSOLE.speaker == vm_index):
        end_open_line(vm_index)
        if not is_raw():
            print_name(GUESTS.guests[vm_index])
    end = history.piece_end(u64(PIECE_MAX))
    while history.shown < end:
        console_guest_byte(history.byte_at(history.shown))
        history.shown += 1
    CONSOLE.line_open = history.byte_at(end - 1) != LINE_FEED
    return True


@fn
def print_name(guest: GuestConsole) -> None:
    console_guest_byte(u8(0x5B))
    for i in range(guest.name_length):
        console_guest_byte(guest.name[i])
    console_guest_byte(u8(0x5D))
    console_guest_byte(u8(0x20))
