"""The end of the whole machine's run, as the shell's commands of the same names."""

from __future__ import annotations

from codegen.lang import fn, span
from hypervisor.ctl.answer import end_answer, refuse
from hypervisor.ctl.flush import flush_answers
from hypervisor.ctl.request import Request
from hypervisor.ctl.verb import verb
from hypervisor.progress import Progress
from hypervisor.vm.ends import ENDS, End, vms_against_end


def add(end: End) -> None:
    """The verb of this end."""
    end_run = end.end
    summary = f"{end.summary}: `idle`, if all VMs have stopped, or `now`. The answer comes before."

    @verb(f"{end.name} when=TEXT", summary)
    @fn(cold=True)
    def end_by_verb(request: Request) -> Progress:
        if answer_before_end(request):
            end_run()
        return Progress.DONE


@fn(cold=True)
def answer_before_end(request: Request) -> bool:
    """Whether `when` allows it; then the answer is on the line. Refuses if not."""
    when = request.string(span(b"when"))
    if when is None or not (when.equals(span(b"idle")) or when.equals(span(b"now"))):
        refuse(request, span(b"when is idle or now"))
        return False
    if vms_against_end(when.equals(span(b"now"))) != 0:
        refuse(request, span(b"not all VMs have stopped; list shows them"))
        return False
    end_answer()
    flush_answers()
    return True


for _end in ENDS:
    add(_end)
