"""The end of the whole machine's run."""

from __future__ import annotations

from codegen.lang import fn, u32
from hypervisor.cpu.machine_power import halt_machine, reboot_machine
from hypervisor.progress import Progress
from hypervisor.shell.call import Call
from hypervisor.shell.command import command
from hypervisor.shell.output import say
from hypervisor.vm.lifecycle import vms_alive


@fn(cold=True)
def may_end(call: Call) -> bool:
    """Whether no VM would lose what it has; says so if not."""
    alive = vms_alive()
    if alive == 0 or call.now:
        return True
    say(f"{alive} VMs have not stopped: `poweroff` or `kill` them first, or say `{call.word(u32(0))} now`")
    return False


@command("reboot [now]")
@fn(cold=True)
def reboot(call: Call) -> Progress:
    """Resets the machine, if all VMs have stopped; with `now`, in any case."""
    if may_end(call):
        reboot_machine()
    return Progress.DONE


@command("halt [now]")
@fn(cold=True)
def halt(call: Call) -> Progress:
    """Stops the machine, which can then be switched off, if all VMs have stopped; with `now`, in any case."""
    if may_end(call):
        halt_machine()
    return Progress.DONE
