"""From one view of the console to another."""

from __future__ import annotations

from codegen.lang import fn, range, span, u32, u64
from hypervisor.console.console import console_line
from hypervisor.console.guests import GUESTS, console_show_guests
from hypervisor.console.view import VIEW, ViewKind

TAIL_LINES = 24
TAIL_BYTES = 2048


@fn(cold=True)
def console_show_guest(vm_index: u32) -> bool:
    """This VM's console alone, from its last lines on; what is typed goes to it. False when there is no such VM."""
    if vm_index >= GUESTS.guest_count:
        return False
    guest = GUESTS.guests[vm_index]
    console_line(span(b"the console of "), guest.name_span())
    VIEW.kind = ViewKind.GUEST
    VIEW.guest = vm_index
    guest.history.shown = guest.history.tail(u32(TAIL_LINES), u64(TAIL_BYTES))
    GUESTS.all_shown = False
    console_show_guests()
    return True


@fn(cold=True)
def console_show_all() -> None:
    """The lines of all VMs, from now on; what is typed goes to the VM that had it last."""
    console_line(span(b"the consoles of all VMs, typing to "), GUESTS.guests[VIEW.guest].name_span())
    VIEW.kind = ViewKind.ALL
    for i in range(GUESTS.guest_count):
        GUESTS.guests[i].history.skip_to_line()
    GUESTS.all_shown = False
    console_show_guests()


@fn(cold=True)
def console_show_shell() -> None:
    """The monitor's shell; what guests send is kept."""
    VIEW.kind = ViewKind.SHELL
