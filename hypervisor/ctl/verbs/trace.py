"""Tracing: switched on and off, and the events that the rings hold."""

from __future__ import annotations

from codegen.lang import Local, fn, range, span, u8, u32, u64
from hypervisor.ctl.answer import put, refuse
from hypervisor.ctl.binary import binary_begin, binary_byte, binary_end, binary_number
from hypervisor.ctl.request import Request
from hypervisor.ctl.verb import verb
from hypervisor.progress import Progress
from hypervisor.sched.queues import PROCESSORS
from hypervisor.trace.control import trace_off, trace_on
from hypervisor.trace.events import NO_VCPU, EventWord
from hypervisor.trace.ring import RINGS, TakenEvent, ring_take

EVENTS_PER_STEP = 64
EVENTS_PER_ANSWER = 2048


@verb("trace state=TEXT")
@fn(cold=True)
def switch_trace(request: Request) -> Progress:
    """Switches tracing `on` or `off`. On begins with empty rings; off keeps what was not read yet."""
    state = request.string(span(b"state"))
    if state is not None and state.equals(span(b"on")):
        if not trace_on():
            refuse(request, span(b"no memory is left for the rings"))
    elif state is not None and state.equals(span(b"off")):
        trace_off()
    else:
        refuse(request, span(b"state is on or off"))
    return Progress.DONE


@verb("events cpu=N")
@fn(cold=True)
def read_events(request: Request) -> Progress:
    """Takes the oldest events of one processor, up to 2048: `events`, and `lost`, how many were overwritten since
    the trace was switched on. `events` is base64 without padding of LEB128 numbers, four for each event: TSC ticks
    since the one before (the first one: its TSC), kind, vCPU + 1 (0: none), value."""
    number = request.number(span(b"cpu"))
    if number is None or number >= u64(PROCESSORS.count):
        refuse(request, span(b"no such processor"))
        return Progress.DONE
    ring = RINGS[number]
    if request.step == 0:
        put(f',"cpu":{number},"events":"')
        binary_begin()
    event = Local(TakenEvent)
    for _ in range(u32(EVENTS_PER_STEP)):
        if request.position == EVENTS_PER_ANSWER or not ring_take(ring, event):
            binary_end()
            put(f'","lost":{ring.lost}')
            return Progress.DONE
        put_event(request, event)
        request.position += 1
    return Progress.MORE


@fn(cold=True)
def put_event(request: Request, event: TakenEvent) -> None:
    """`request.last` is the TSC of the one before."""
    word = EventWord.of(event.word)
    binary_number(event.tsc.wrapping_sub(request.last))
    binary_byte(u8.trunc(event.word))
    binary_number(u64(0) if word.vcpu == NO_VCPU else u64(word.vcpu) + 1)
    binary_number(u64(word.value))
    request.last = event.tsc
