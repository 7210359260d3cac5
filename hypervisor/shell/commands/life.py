"""A VM's life: each command begins what the VM's own thread does, or says why not."""

from __future__ import annotations

from codegen.lang import Span, fn, span
from hypervisor.shell.call import Call, Progress
from hypervisor.shell.command import command
from hypervisor.shell.output import say
from hypervisor.vm.control import (
    Refusal,
    destroy_vm,
    kill_vm,
    pause_vm,
    press_power_button,
    reset_vm,
    resume_vm,
    start_vm_again,
    words_for_refusal,
)
from hypervisor.vm.vm import VMS, Vm


@fn(cold=True)
def tell(vm: Vm, refusal: Refusal | None, begun: Span) -> Progress:
    """What became of the command."""
    if refusal is None:
        say(f"{vm.name_span()}: {begun}")
    else:
        say(f"{vm.name_span()}: {words_for_refusal(refusal)}")
    return Progress.DONE


@command("pause VM")
@fn(cold=True)
def pause(call: Call) -> Progress:
    """Stops the VM's virtual CPUs until `resume`; its clock goes on."""
    return tell(VMS[call.vm], pause_vm(VMS[call.vm]), span(b"pauses"))


@command("resume VM")
@fn(cold=True)
def resume(call: Call) -> Progress:
    """Lets a paused VM go on."""
    return tell(VMS[call.vm], resume_vm(VMS[call.vm]), span(b"goes on"))


@command("reset VM")
@fn(cold=True)
def reset(call: Call) -> Progress:
    """Presses the VM's reset button: its memory is cleared, and its guest boots again."""
    return tell(VMS[call.vm], reset_vm(VMS[call.vm]), span(b"is reset"))


@command("poweroff VM")
@fn(cold=True)
def power_off(call: Call) -> Progress:
    """Presses the VM's power button: its guest powers off if it listens to the button; `kill` needs no guest."""
    return tell(VMS[call.vm], press_power_button(VMS[call.vm]), span(b"its power button was pressed"))


@command("kill VM")
@fn(cold=True)
def kill(call: Call) -> Progress:
    """Stops the VM at once; its memory stays as it was."""
    return tell(VMS[call.vm], kill_vm(VMS[call.vm]), span(b"stops"))


@command("destroy VM")
@fn(cold=True)
def destroy(call: Call) -> Progress:
    """Takes back all that a VM has which has stopped: its memory, scrubbed, and its virtual CPUs."""
    return tell(VMS[call.vm], destroy_vm(VMS[call.vm]), span(b"gives back what it has"))


@command("start VM")
@fn(cold=True)
def start(call: Call) -> Progress:
    """Starts a VM that has stopped, or was destroyed, anew from its configuration."""
    return tell(VMS[call.vm], start_vm_again(VMS[call.vm]), span(b"starts"))
