"""The line that is being received, and whether all of it came."""

from __future__ import annotations

from codegen.lang import Array, Field, HwEnum, Span, Struct, count, fn, span, span_of, storage, u8, u32, usize
from drivers.console.ns16550 import FIFO_BYTES
from hypervisor.ctl.request import LINE_MAX
from hypervisor.ctl.run import enter_request, refuse_line

LINE_FEED, CARRIAGE_RETURN = 0x0A, 0x0D
DOUBTFUL = FIFO_BYTES + 1  # what an overrun loses would have come behind a full FIFO; the byte after it comes instead


class LineError(HwEnum, repr=u32):
    """Why a line is dropped, up to its end."""

    NONE = 0
    TOO_LONG = 1
    BYTES_LOST = 2

    @fn
    def words(self) -> Span:
        """For the answer."""
        match self:
            case LineError.NONE:
                return span(b"")
            case LineError.TOO_LONG:
                return span(b"the line is too long")
            case LineError.BYTES_LOST:
                return span(b"bytes were lost; send it again")


class CtlLine(Struct):
    """`doubtful` of the bytes that come next may stand where one was lost, so that their line is not what was sent."""

    bytes: Array[u8] = count(LINE_MAX)
    length: Field[u32]
    error: Field[LineError]
    doubtful: Field[u32]


LINE = storage(CtlLine)


@fn(cold=True)
def doubt_bytes() -> None:
    """The port has reported an error."""
    LINE.doubtful = DOUBTFUL


@fn(cold=True)
def take_byte(byte: u8) -> None:
    """Into the line, or the line's end. A line of which bytes were lost is refused even if it seems to be empty: its
    sender waits."""
    if LINE.doubtful != 0:
        LINE.doubtful -= 1
        LINE.error = LineError.BYTES_LOST
    if byte == LINE_FEED:
        if LINE.error != LineError.NONE:
            refuse_line(LINE.error.words())
        elif LINE.length != 0:
            enter_request(span_of(LINE).slice(usize(0), usize(LINE.length)))
        LINE.length = 0
        LINE.error = LineError.NONE
    elif LINE.length == LINE_MAX:
        if LINE.error == LineError.NONE:
            LINE.error = LineError.TOO_LONG
    elif byte != CARRIAGE_RETURN:
        LINE.bytes[LINE.length] = byte
        LINE.length += 1
