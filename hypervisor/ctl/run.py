"""A line that was received: parsed, checked against the table, then answered, a bounded piece at a time."""

from __future__ import annotations

from codegen.lang import Field, Span, Struct, fn, range, span, storage, u32
from hypervisor.ctl.answer import begin_answer, end_answer, refuse
from hypervisor.ctl.json import parse_object
from hypervisor.ctl.request import Request
from hypervisor.ctl.table import ENTRIES, FUNCTIONS, find_verb
from hypervisor.ctl.verb import ARGUMENTS_MAX
from hypervisor.progress import Progress


class Running(Struct):
    """`busy`: the answer to `request` is not complete."""

    busy: Field[bool]
    request: Request


RUNNING = storage(Running)


@fn(cold=True)
def enter_request(line: Span) -> None:
    """Check a line; if it is right its verb runs from `run_step` on, otherwise the answer says what is wrong."""
    request = RUNNING.request
    error = parse_object(line, request)
    begin_answer(request)
    if error is not None:
        request.zero()  # half of a request is none, its number included
        refuse(request, error.words())
        return
    name = request.string(span(b"verb"))
    if name is None:
        refuse(request, span(b"there is no verb"))
        return
    number = find_verb(name)
    if number is None:
        refuse(request, span(b"no such verb"))
        return
    request.verb = number
    if not has_arguments(request):
        refuse(request, span(b"wrong arguments"))
        return
    RUNNING.busy = True


@fn(cold=True)
def has_arguments(request: Request) -> bool:
    """Exactly the members of the verb's usage, beside `verb` and, if it likes, a number `id`."""
    entry = ENTRIES[request.verb]
    expected = u32(1)
    if request.find(span(b"id")) is not None:
        if request.number(span(b"id")) is None:
            return False
        expected += 1
    for i in range(u32(ARGUMENTS_MAX)):
        argument = entry.arguments[i]
        if argument.length != 0:
            member = request.find(argument.span())
            if member is None or member.kind != argument.kind:
                return False
            expected += 1
    return request.member_count == expected


@fn(cold=True)
def refuse_line(reason: Span) -> None:
    """Of a line that was not received whole."""
    request = RUNNING.request
    request.zero()
    begin_answer(request)
    refuse(request, reason)


@fn(cold=True)
def run_step() -> None:
    """One piece of the answer; there is room for it."""
    request = RUNNING.request
    progress = FUNCTIONS[request.verb](request)
    request.step = request.step.wrapping_add(u32(1))
    if progress == Progress.MORE:
        return
    if not request.refused:
        end_answer()
    RUNNING.busy = False
