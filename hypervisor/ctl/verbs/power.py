"""The end of the whole machine's run, as the shell's commands of the same names."""

from __future__ import annotations

from codegen.lang import fn, span
from hypervisor.cpu.machine_power import halt_machine, reboot_machine
from hypervisor.ctl.answer import end_answer, refuse
from hypervisor.ctl.flush import flush_answers
from hypervisor.ctl.request import Request
from hypervisor.ctl.verb import verb
from hypervisor.progress import Progress
from hypervisor.vm.lifecycle import vms_alive


@fn(cold=True)
def may_end(request: Request) -> bool:
    """Whether `when` allows it; then the answer is on the line. Refuses if not."""
    when = request.string(span(b"when"))
    if when is None or not (when.equals(span(b"idle")) or when.equals(span(b"now"))):
        refuse(request, span(b"when is idle or now"))
        return False
    if when.equals(span(b"idle")) and vms_alive() != 0:
        refuse(request, span(b"not all VMs have stopped; list shows them"))
        return False
    end_answer()
    flush_answers()
    return True


@verb("reboot when=TEXT")
@fn(cold=True)
def reboot(request: Request) -> Progress:
    """Resets the machine: `idle`, if all VMs have stopped, or `now`. The answer comes before."""
    if may_end(request):
        reboot_machine()
    return Progress.DONE


@verb("halt when=TEXT")
@fn(cold=True)
def halt(request: Request) -> Progress:
    """Stops the machine, which can then be switched off: `idle`, if all VMs have stopped, or `now`."""
    if may_end(request):
        halt_machine()
    return Progress.DONE
