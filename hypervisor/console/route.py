"""What was typed, to whom it is meant for: Ctrl-A's commands are done here, bytes go to a VM or to the shell."""

from __future__ import annotations

from codegen.lang import Field, Struct, fn, span, storage, u8, u32
from hypervisor.console.console import CONSOLE, console_has_input, console_line, console_take_input
from hypervisor.console.escape import Escape, Typed
from hypervisor.console.names import find_guest
from hypervisor.console.switch import console_show_all, console_show_guest, console_show_shell
from hypervisor.console.typed import SHELL_QUEUE, TYPED, console_has_place
from hypervisor.console.view import VIEW, ViewKind


class Route(Struct):
    """`given`: bit n, queue n got something since the last `console_take_given`."""

    escape: Escape
    given: Field[u32]


ROUTE = storage(Route)
HELP = span(
    b"Ctrl-A then  0-9 or NAME Enter: that VM's console  a: all  m: the monitor's shell  Ctrl-A: send it  ?: this"
)


@fn
def typed_queue() -> u32:
    """Which queue what is typed now goes to."""
    return u32(SHELL_QUEUE) if VIEW.kind == ViewKind.SHELL else VIEW.guest


@fn
def console_route_input() -> None:
    """Take what has arrived, until a queue is full: then the sender waits, and nothing is lost. The first processor
    alone calls this, and changes the view."""
    while console_has_input() and console_has_place(typed_queue()):
        byte = console_take_input()
        if byte is None:
            return
        route(byte)


@fn(cold=True)
def route(byte: u8) -> None:
    """One byte. Takes the lock."""
    typed = ROUTE.escape.feed(byte)
    with CONSOLE.lock:
        if typed == Typed.BYTE:
            TYPED[typed_queue()].put(byte)
            ROUTE.given = ROUTE.given | u32(1) << typed_queue()
        else:
            obey(typed)


@fn
def console_take_given() -> u32:
    """Which queues have got something since the last call, as a mask."""
    given = ROUTE.given
    ROUTE.given = 0
    return given


@fn(cold=True)
def obey(typed: Typed) -> None:
    """One of Ctrl-A's commands."""
    escape = ROUTE.escape
    match typed:
        case Typed.NUMBER:
            if not console_show_guest(escape.number):
                console_line(span(b"no VM has this number: "), span(b"`list` in the shell (Ctrl-A m) shows them"))
        case Typed.NAME:
            index = find_guest(escape.name_span())
            if index is None or not console_show_guest(index):
                console_line(span(b"`list` in the shell (Ctrl-A m) shows the VMs, none is called "), escape.name_span())
        case Typed.SHELL:
            console_show_shell()
        case Typed.ALL:
            console_show_all()
        case Typed.HELP:
            console_line(span(b""), HELP)
        case _:
            pass
