"""What the monitor has said."""

from __future__ import annotations

from codegen.lang import Struct, fn, range, span, static, storage, u32, u64
from hypervisor.console.console import CONSOLE
from hypervisor.console.line import LINE_MAX, LineBuffer
from hypervisor.console.log import LOG
from hypervisor.ctl.answer import STEP_ROOM, put
from hypervisor.ctl.quote import LONGEST, put_quoted
from hypervisor.ctl.request import Request
from hypervisor.ctl.verb import verb
from hypervisor.progress import Progress

LINES_PER_STEP = STEP_ROOM // (LONGEST * LINE_MAX + 64)
STEPS = 16


class LogReader(Struct):
    """A copy of the line that is put into the answer."""

    line: LineBuffer


READER = storage(LogReader)


@verb("log from=N")
@fn(cold=True)
def read_log(request: Request) -> Progress:
    """Tells what the monitor has said, also to no console: `lines`, from place `from` on (0: the oldest that is kept),
    and `next`, from where to go on; when there are no more, `next` is where those to come will be."""
    if request.step == 0:
        place = request.number(span(b"from"))
        with CONSOLE.lock:
            request.position = LOG.ring.record_from(u64(0) if place is None else place)
        put(',"lines":[')
    for _ in range(u32(static(LINES_PER_STEP))):
        with CONSOLE.lock:
            after = LOG.ring.read(request.position, READER.line)
        if after is None:
            return finish(request)
        if request.last != 0:
            put(",")
        request.last = 1
        request.position = after
        put_quoted(READER.line.span())
    return Progress.MORE if request.step + 1 < STEPS else finish(request)


@fn(cold=True)
def finish(request: Request) -> Progress:
    put(f'],"next":{request.position}')
    return Progress.DONE
