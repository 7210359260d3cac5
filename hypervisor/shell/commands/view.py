"""What the console shows."""

from __future__ import annotations

from codegen.lang import fn
from hypervisor.console.console import CONSOLE
from hypervisor.console.switch import console_show_guest
from hypervisor.progress import Progress
from hypervisor.shell.call import Call
from hypervisor.shell.command import command
from hypervisor.shell.output import say


@command("focus VM")
@fn(cold=True)
def focus(call: Call) -> Progress:
    """Leaves the shell for the VM's console, as Ctrl-A and its number do; Ctrl-A m comes back."""
    with CONSOLE.lock:
        shown = console_show_guest(call.vm)
    if not shown:
        say("this VM has no console: `list` shows those that have")
    return Progress.DONE
