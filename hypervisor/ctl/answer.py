"""The answer on its way to the port: `put` appends text to it."""

from __future__ import annotations

from codegen.lang import Field, Span, Struct, TextSink, fn, i64, len, range, span, storage, u8, u32, u64
from hypervisor.console.byte_ring import RING_BYTES, ByteRing
from hypervisor.console.line import LineBuffer
from hypervisor.ctl.request import Request

STEP_ROOM = 16384  # bytes that one call of a verb may put


class Answer(Struct):
    """`begin` is where the present answer begins in the ring."""

    ring: ByteRing
    begin: Field[u32]
    number: LineBuffer


ANSWER = storage(Answer)


@fn(cold=True)
def has_room() -> bool:
    """For one call of a verb."""
    return RING_BYTES - ANSWER.ring.used() >= STEP_ROOM


@fn(cold=True)
def put_byte(byte: u8) -> None:
    """One byte; `has_room` has been asked."""
    assert not ANSWER.ring.is_full()
    ANSWER.ring.put(byte)


@fn(cold=True)
def put_text(piece: Span) -> None:
    for i in range(len(piece)):
        put_byte(piece[i])


@fn(cold=True)
def put_unsigned(value: u64, base: u32, width: u32, flags: u32) -> None:
    ANSWER.number.clear()
    ANSWER.number.put_unsigned(value, base, width, flags)
    put_text(ANSWER.number.span())


@fn(cold=True)
def put_signed(value: i64, width: u32) -> None:
    ANSWER.number.clear()
    ANSWER.number.put_signed(value, width)
    put_text(ANSWER.number.span())


@fn(cold=True)
def nothing() -> None:
    pass


put = TextSink(begin=nothing, text=put_text, unsigned=put_unsigned, signed=put_signed, end=nothing)


@fn(cold=True)
def begin_answer(request: Request) -> None:
    """The members that every good answer has."""
    ANSWER.begin = ANSWER.ring.head
    put_id(request)
    put(',"ok":true')


@fn(cold=True)
def end_answer() -> None:
    """The object and the line."""
    put("}\n")


@fn(cold=True)
def refuse(request: Request, reason: Span) -> None:
    """In place of what was put in this call of the verb, its first one: why nothing was done. `reason` is ours."""
    ANSWER.ring.head = ANSWER.begin
    put_id(request)
    put(f',"ok":false,"error":"{reason}"')
    end_answer()
    request.refused = True


@fn(cold=True)
def put_id(request: Request) -> None:
    """The request's number; null where it had none."""
    number = request.number(span(b"id"))
    if number is None:
        put('{"id":null')
    else:
        put(f'{{"id":{number}')
