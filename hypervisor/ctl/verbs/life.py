"""A VM's life, as the shell's commands of the same names."""

from __future__ import annotations

from codegen.lang import fn, span
from hypervisor.ctl.answer import refuse
from hypervisor.ctl.request import Request
from hypervisor.ctl.verb import Progress, verb
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
from hypervisor.vm.vm import VMS, VMS_MAX, Vm


@fn(cold=True)
def vm_of(request: Request) -> Vm | None:
    """The VM that `vm` names; None, refused, when there is none."""
    number = request.number(span(b"vm"))
    if number is None or number >= VMS_MAX or VMS[number].name.length == 0:
        refuse(request, span(b"no such VM; list shows their numbers"))
        return None
    return VMS[number]


@fn(cold=True)
def answer(request: Request, refusal: Refusal | None) -> Progress:
    """It has begun, or why not."""
    if refusal is not None:
        refuse(request, words_for_refusal(refusal))
    return Progress.DONE


@verb("pause vm=N")
@fn(cold=True)
def pause(request: Request) -> Progress:
    """Stops the VM's virtual CPUs until `resume`; its clock goes on."""
    vm = vm_of(request)
    return Progress.DONE if vm is None else answer(request, pause_vm(vm))


@verb("resume vm=N")
@fn(cold=True)
def resume(request: Request) -> Progress:
    """Lets a paused VM go on."""
    vm = vm_of(request)
    return Progress.DONE if vm is None else answer(request, resume_vm(vm))


@verb("reset vm=N")
@fn(cold=True)
def reset(request: Request) -> Progress:
    """Presses the VM's reset button: its memory is cleared, and its guest boots again."""
    vm = vm_of(request)
    return Progress.DONE if vm is None else answer(request, reset_vm(vm))


@verb("poweroff vm=N")
@fn(cold=True)
def power_off(request: Request) -> Progress:
    """Presses the VM's power button: its guest powers off if it listens to the button."""
    vm = vm_of(request)
    return Progress.DONE if vm is None else answer(request, press_power_button(vm))


@verb("kill vm=N")
@fn(cold=True)
def kill(request: Request) -> Progress:
    """Stops the VM at once; its memory stays as it was."""
    vm = vm_of(request)
    return Progress.DONE if vm is None else answer(request, kill_vm(vm))


@verb("destroy vm=N")
@fn(cold=True)
def destroy(request: Request) -> Progress:
    """Takes back all that a VM has which has stopped: its memory, scrubbed, and its virtual CPUs."""
    vm = vm_of(request)
    return Progress.DONE if vm is None else answer(request, destroy_vm(vm))


@verb("start vm=N")
@fn(cold=True)
def start(request: Request) -> Progress:
    """Starts a VM that has stopped, or was destroyed, anew from its configuration."""
    vm = vm_of(request)
    return Progress.DONE if vm is None else answer(request, start_vm_again(vm))
