"""The shell's turn in each service round: keys into the line, a line into a command, and a bounded piece of the command
that runs."""

from __future__ import annotations

from codegen.lang import Field, Struct, fn, rdtsc, span, storage, u8, u32, u64
from hypervisor.console.byte_ring import RING_BYTES
from hypervisor.console.console import console_has_input, console_is_polled, console_room
from hypervisor.console.guests import GUESTS, GUESTS_MAX, console_show_backlog
from hypervisor.console.keyboard import KEYBOARD, console_keyboard
from hypervisor.console.log import warn
from hypervisor.console.route import console_route_input, typed_queue
from hypervisor.console.typed import (
    SHELL_QUEUE,
    console_drop_unread,
    console_drop_up_to,
    console_has_place,
    console_take_typed,
)
from hypervisor.console.view import VIEW, ViewKind
from hypervisor.shell.complete import complete
from hypervisor.shell.edit import EditLine
from hypervisor.shell.history import History
from hypervisor.shell.keys import Key, KeyParser
from hypervisor.shell.output import draw_prompt, draw_typed, leave_prompt, prompt_is_shown, say
from hypervisor.shell.run import RUNNING, enter_line, run_step
from hypervisor.time.clock import ns_to_tsc

NEVER = 0xFFFF_FFFF_FFFF_FFFF
SOON = 1_000_000  # ns: the next piece of a command
POLL = 10_000_000  # ns: the next look at a keyboard, or a UART, without an interrupt
SECOND = 1_000_000_000
CANCEL = 0x03  # Ctrl-C
STEP_ROOM = RING_BYTES - 8192  # a command waits until the line has less than this before it


class Shell(Struct):
    """The line that is typed, and what was typed before."""

    keys: KeyParser
    edit: EditLine
    history: History
    next_second: Field[u64]  # host TSC at which queues that nobody reads are looked at


SHELL = storage(Shell)


@fn
def serve_terminal() -> u64:
    """On the first processor: what was typed goes where it belongs, the guests' backlog to the line, and the shell has
    its turn. Gives the host TSC at which it wants to be called again, at the latest."""
    now = rdtsc()
    keyboard_polled = KEYBOARD.keyboard.present and not KEYBOARD.by_interrupt
    if keyboard_polled:
        console_keyboard()
    console_route_input()
    console_show_backlog()
    if now >= SHELL.next_second:
        SHELL.next_second = now.wrapping_add(ns_to_tsc(u64(SECOND)))
        drop_unread()
    if VIEW.kind == ViewKind.SHELL or RUNNING.busy:
        serve_shell()
    if RUNNING.busy:
        return now.wrapping_add(ns_to_tsc(u64(SOON)))
    if console_has_input() and console_has_place(typed_queue()):
        return now  # the queue was full, and the shell has read, or Ctrl-C emptied it
    return now.wrapping_add(ns_to_tsc(u64(POLL))) if keyboard_polled or console_is_polled() else u64(NEVER)


@fn(cold=True)
def drop_unread() -> None:
    """A guest that reads nothing must not keep Ctrl-A from being seen behind what was typed for it."""
    number = typed_queue()
    dropped = console_drop_unread(number)
    if dropped != 0 and number < GUESTS_MAX:
        warn(f"{GUESTS.guests[number].name_span()} does not read what is typed: {dropped} bytes are dropped")


@fn(cold=True)
def serve_shell() -> None:
    """As many keys as are there, unless a command runs: then a piece of that, if the line has room for it."""
    if RUNNING.busy:
        watch_for_cancel()
    if RUNNING.busy and console_room() >= STEP_ROOM:
        run_step()
    while not RUNNING.busy:
        byte = console_take_typed(u32(SHELL_QUEUE))
        if byte is None:
            break
        press(SHELL.keys.feed(byte), byte)
    if not RUNNING.busy and VIEW.kind == ViewKind.SHELL and not prompt_is_shown():
        draw_prompt(SHELL.edit)


@fn(cold=True)
def watch_for_cancel() -> None:
    """What is typed while a command runs waits for its end; Ctrl-C alone ends it, and drops what was typed before."""
    if console_drop_up_to(u32(SHELL_QUEUE), u8(CANCEL)):
        RUNNING.busy = False
        say("(stopped)")


@fn(cold=True)
def press(key: Key, byte: u8) -> None:
    """One key."""
    edit = SHELL.edit
    match key:
        case Key.NOTHING:
            return
        case Key.TEXT:
            if edit.insert(byte):
                draw_typed(edit, byte)
            return
        case Key.ENTER:
            if not prompt_is_shown():
                draw_prompt(edit)
            leave_prompt()
            SHELL.history.add(edit.span())
            enter_line(edit.span())
            edit.set(span(b""))
            return
        case Key.CANCEL:
            leave_prompt()
            edit.set(span(b""))
            SHELL.history.back = 0
        case Key.TAB:
            complete(edit)
        case Key.UP:
            SHELL.history.older(edit)
        case Key.DOWN:
            SHELL.history.newer(edit)
        case _:
            edit.press(key)
    draw_prompt(edit)
