"""The trace, which `./build.py ctl trace` takes from the machine."""

from __future__ import annotations

from codegen.lang import fn
from hypervisor.progress import Progress
from hypervisor.shell.call import Call
from hypervisor.shell.command import command
from hypervisor.shell.output import say
from hypervisor.trace.control import trace_off, trace_on


@command("trace on|off")
@fn(cold=True)
def switch_trace(call: Call) -> Progress:
    """Has every processor keep its last events (exits, entries, switches, ...), or no longer."""
    if not call.on:
        trace_off()
        say("no more events are kept; `./build.py ctl trace -o FILE` takes those that are there")
    elif trace_on():
        say("events are kept from now on; `./build.py ctl trace -o FILE` takes them")
    else:
        say("no memory is left for the rings")
    return Progress.DONE
