"""The end of the whole machine's run."""

from __future__ import annotations

from codegen.lang import fn, u32
from hypervisor.progress import Progress
from hypervisor.shell.call import Call
from hypervisor.shell.command import command
from hypervisor.shell.output import say
from hypervisor.vm.ends import ENDS, End, vms_against_end


def add(end: End) -> None:
    """The command of this end."""
    end_run = end.end

    @command(f"{end.name} [now]", f"{end.summary}, if all VMs have stopped; with `now`, in any case.")
    @fn(cold=True)
    def end_by_command(call: Call) -> Progress:
        if may_end(call):
            end_run()
        return Progress.DONE


@fn(cold=True)
def may_end(call: Call) -> bool:
    """Whether no VM would lose what it has; says so if not."""
    against = vms_against_end(call.now)
    if against != 0:
        say(f"{against} VMs have not stopped: `poweroff` or `kill` them first, or say `{call.word(u32(0))} now`")
    return against == 0


for _end in ENDS:
    add(_end)
